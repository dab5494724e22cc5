"""The connections table: open WebSocket connections, the jobs that each subscribes to, and subscribers of accounts.

A connection has an item `#`, and one item for each job that it subscribes to by id. An account has one item for each
connection that subscribes to all of its jobs, and one with the ids of its open connections
(`connection_limit_store`). Items expire a while after the connection must have ended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mediajobs import clock
from mediajobs.aws import backoff, batch_items, dynamodb
from mediajobs.aws.batch_items import Image
from mediajobs.aws.conditional_writes import update
from mediajobs.live_progress import connection_limit_store
from mediajobs.live_progress.messages import MAX_MESSAGES
from mediajobs.settings import setting

RETENTION_SECONDS = 3 * 3600  # the gateway ends a connection after two hours
_CONNECTION = "#"
_TRIES = 3


@dataclass(frozen=True)
class Connection:
    """`key_id` is the API key that it was opened with."""

    connection_id: str
    account: str
    key_id: str


class ConnectionState(NamedTuple):
    """A connection, and the ids of the jobs that it subscribes to."""

    connection: Connection
    job_ids: list[str]


def save(connection: Connection) -> None:
    dynamodb.client().put_item(TableName=_table(), Item=_item(connection.connection_id, _CONNECTION, connection))


def get(connection_id: str) -> ConnectionState | None:
    """Returns None for a connection that is not in the table. One query."""
    items = {item["item"]["S"]: item for item in _query(connection_id)}
    own_item = items.pop(_CONNECTION, None)
    return ConnectionState(_connection(connection_id, own_item), list(items)) if own_item else None


def opened_at(connection_ids: Iterable[str]) -> dict[str, int]:
    """Returns when each of the connections was opened that are in the table, in seconds since 1970."""
    keys = [_key(connection_id, _CONNECTION) for connection_id in connection_ids]
    [items] = batch_items.read(batch_items.BatchRead(_table(), keys, ("holder", "expires"), consistent=True))
    return {item["holder"]["S"]: int(item["expires"]["N"]) - RETENTION_SECONDS for item in items}


def count_message(connection_id: str) -> bool:
    """Counts a message. Returns False if it exceeds the limit of this minute.

    A connection that is not in the table has no limit. One call, two for the first message of a minute.
    """
    minute = str(clock.seconds() // 60)
    values = {":minute": {"S": minute}, ":one": {"N": "1"}}
    item = {"key": _key(connection_id, _CONNECTION), "ExpressionAttributeNames": {"#minute": "minute"}}
    for _ in backoff.attempts(_TRIES):
        row, done = update(
            _table(),
            UpdateExpression="SET message_count = message_count + :one",
            ConditionExpression="#minute = :minute AND message_count < :max",
            ExpressionAttributeValues=values | {":max": {"N": str(MAX_MESSAGES)}},
            **item,
        )
        if done or not row or row.get("minute") == minute:
            return done or not row
        _, done = update(
            _table(),
            UpdateExpression="SET #minute = :minute, message_count = :one",
            ConditionExpression="attribute_exists(holder) AND NOT #minute = :minute",
            ExpressionAttributeValues=values,
            **item,
        )
        if done:
            return True
    return False


def add_jobs(connection: Connection, job_ids: Iterable[str]) -> None:
    """Records that the connection subscribes to these jobs."""
    _write({"PutRequest": {"Item": _item(connection.connection_id, job_id, connection)}} for job_id in job_ids)


def remove_jobs(pairs: Iterable[tuple[str, str]]) -> None:
    """Removes subscriptions to jobs, given as pairs of a connection id and a job id."""
    _write({"DeleteRequest": {"Key": _key(*pair)}} for pair in pairs)


def subscribe_to_account(connection: Connection) -> None:
    """Records that the connection subscribes to all jobs of its account."""
    item = _item(_account_key(connection.account), connection.connection_id, connection)
    dynamodb.client().put_item(TableName=_table(), Item=item)


def unsubscribe_from_account(connection: Connection) -> None:
    key = _key(_account_key(connection.account), connection.connection_id)
    dynamodb.client().delete_item(TableName=_table(), Key=key)


def subscribed_to_account(account: str) -> list[Connection]:
    """Returns the connections that subscribe to all jobs of the account."""
    return [_connection(item["item"]["S"], item) for item in _query(_account_key(account))]


def delete(state: ConnectionState) -> None:
    """Deletes all items of a connection in this table. `subscriber_store.delete_connection` also deletes those of the
    jobs table."""
    connection = state.connection
    connection_limit_store.remove(connection.account, [connection.connection_id])
    own_items = [(connection.connection_id, item) for item in (*state.job_ids, _CONNECTION)]
    remove_jobs([*own_items, (_account_key(connection.account), connection.connection_id)])


def expiry() -> int:
    """When an item that is written now expires, in seconds since 1970."""
    return clock.seconds() + RETENTION_SECONDS


def _account_key(account: str) -> str:
    return f"account#{account}"


def _table() -> str:
    return setting("CONNECTIONS_TABLE")


def _key(holder: str, item: str) -> Image:
    return {"holder": {"S": holder}, "item": {"S": item}}


def _item(holder: str, item: str, connection: Connection) -> Image:
    attributes = {"account": connection.account, "key_id": connection.key_id, "expires": expiry()}
    return _key(holder, item) | dynamodb.to_item(attributes)


def _connection(connection_id: str, item: Image) -> Connection:
    return Connection(connection_id, item["account"]["S"], item["key_id"]["S"])


def _query(holder: str) -> Iterator[Image]:
    pages = dynamodb.client().get_paginator("query").paginate(
        TableName=_table(),
        KeyConditionExpression="holder = :holder",
        ExpressionAttributeValues={":holder": {"S": holder}},
        ConsistentRead=True,
    )  # fmt: skip
    for page in pages:
        yield from page["Items"]


def _write(requests: Iterable[Image]) -> None:
    batch_items.write(_table(), requests)
