"""Connections table: who is connected, what each listens to, and who listens to all of an account.

A connection has an item `#` and one for each job that it listens to by id; an account has one for each connection that
listens to all of it. Everything goes by itself a while after the last moment that a connection can live.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mediajobs import clock
from mediajobs.aws import backoff, batch_items, dynamodb
from mediajobs.aws.batch_items import Image
from mediajobs.aws.conditional_writes import update
from mediajobs.live_progress.messages import MAX_MESSAGES
from mediajobs.settings import setting

RETENTION_SECONDS = 3 * 3600  # the gateway ends a connection after two hours
_SELF = "#"
_TRIES = 3


@dataclass(frozen=True)
class Connection:
    """`key_id` is the key that it came in with."""

    connection_id: str
    account: str
    key_id: str


class ConnectionState(NamedTuple):
    """A connection, and the ids of the jobs that it listens to."""

    connection: Connection
    job_ids: list[str]


def save(connection: Connection) -> None:
    dynamodb.client().put_item(TableName=_table(), Item=_item(connection.connection_id, _SELF, connection))


def get(connection_id: str) -> ConnectionState | None:
    """None for one that is forgotten. One query."""
    items = {item["item"]["S"]: item for item in _query(connection_id)}
    itself = items.pop(_SELF, None)
    return ConnectionState(_connection(connection_id, itself), list(items)) if itself else None


def count_message(connection_id: str) -> bool:
    """Counts it; False for one too many in this minute. A connection that is forgotten takes any. One call, two for
    the first of a minute."""
    minute = str(clock.seconds() // 60)
    values = {":minute": {"S": minute}, ":one": {"N": "1"}}
    itself = {"key": _key(connection_id, _SELF), "ExpressionAttributeNames": {"#minute": "minute"}}
    for _ in backoff.attempts(_TRIES):
        row, done = update(
            _table(),
            UpdateExpression="SET said = said + :one",
            ConditionExpression="#minute = :minute AND said < :most",
            ExpressionAttributeValues=values | {":most": {"N": str(MAX_MESSAGES)}},
            **itself,
        )
        if done or not row or row.get("minute") == minute:
            return done or not row
        _, done = update(
            _table(),
            UpdateExpression="SET #minute = :minute, said = :one",
            ConditionExpression="attribute_exists(holder) AND NOT #minute = :minute",
            ExpressionAttributeValues=values,
            **itself,
        )
        if done:
            return True
    return False


def add_jobs(connection: Connection, job_ids: Iterable[str]) -> None:
    """It listens to these jobs from now on."""
    _write({"PutRequest": {"Item": _item(connection.connection_id, job_id, connection)}} for job_id in job_ids)


def remove_jobs(pairs: Iterable[tuple[str, str]]) -> None:
    """Connections, each with a job that it listens to no more."""
    _write({"DeleteRequest": {"Key": _key(*pair)}} for pair in pairs)


def subscribe_to_account(connection: Connection) -> None:
    """It listens to all of its account from now on."""
    item = _item(_account_key(connection.account), connection.connection_id, connection)
    dynamodb.client().put_item(TableName=_table(), Item=item)


def unsubscribe_from_account(connection: Connection) -> None:
    dynamodb.client().delete_item(
        TableName=_table(), Key=_key(_account_key(connection.account), connection.connection_id)
    )


def subscribed_to_account(account: str) -> list[Connection]:
    """Who listens to all of the account."""
    return [_connection(item["item"]["S"], item) for item in _query(_account_key(account))]


def delete(known: ConnectionState) -> None:
    """All but what stands with the jobs: see `listeners.forget`."""
    its = known.connection
    remove_jobs(
        [
            *((its.connection_id, item) for item in (*known.job_ids, _SELF)),
            (_account_key(its.account), its.connection_id),
        ]
    )


def expiry() -> int:
    return clock.seconds() + RETENTION_SECONDS


def _account_key(account: str) -> str:
    return f"account#{account}"


def _table() -> str:
    return setting("CONNECTIONS_TABLE")


def _key(holder: str, item: str) -> Image:
    return {"holder": {"S": holder}, "item": {"S": item}}


def _item(holder: str, item: str, connection: Connection) -> Image:
    about = {"account": {"S": connection.account}, "key_id": {"S": connection.key_id}}
    return _key(holder, item) | about | {"expires": {"N": str(expiry())}}


def _connection(connection_id: str, item: Image) -> Connection:
    return Connection(connection_id, item["account"]["S"], item["key_id"]["S"])


def _query(holder: str) -> Iterator[Image]:
    pages = dynamodb.client().get_paginator("query")
    asked: dict[str, Any] = {"KeyConditionExpression": "holder = :holder", "ConsistentRead": True}
    for page in pages.paginate(TableName=_table(), ExpressionAttributeValues={":holder": {"S": holder}}, **asked):
        yield from page["Items"]


def _write(requests: Iterable[Image]) -> None:
    batch_items.write(_table(), requests)
