"""The open connections of each account, as a set of ids in one item of the connections table, and their limit.

A conditional write adds a connection, so the limit is exact. A connection that ends leaves the set. One that vanishes
without an end is found by a recount, which is made when the set is full, at most once in half a minute.
"""

from collections.abc import Iterable

from mediajobs import clock
from mediajobs.aws.conditional_writes import update, write_if_allowed
from mediajobs.aws.dynamodb import Item, client, from_item
from mediajobs.settings import setting

_RECOUNT_SECONDS = 30
_RETENTION_SECONDS = 3 * 3600  # the gateway ends a connection after two hours
_ONLY = "#"


def limit() -> int:
    """Returns the most connections that an account may have open."""
    return int(setting("CONNECTIONS_PER_ACCOUNT"))


def open_ids(account: str) -> frozenset[str]:
    """Returns the ids of the account's connections; those that vanished may be among them."""
    answer = client().get_item(TableName=_table(), Key=_key(account), ConsistentRead=True)
    return _ids(from_item(answer.get("Item")))


def add(account: str, connection_id: str) -> bool:
    """Adds a connection. Returns False where the account has as many as it may have."""
    _, added = update(
        _table(),
        _key(account),
        UpdateExpression="ADD connection_ids :ids SET expires = :expires",
        ConditionExpression="attribute_not_exists(connection_ids) OR size(connection_ids) < :limit",
        ExpressionAttributeValues={
            ":ids": {"SS": [connection_id]},
            ":expires": {"N": str(clock.seconds() + _RETENTION_SECONDS)},
            ":limit": {"N": str(limit())},
        },
    )
    return added


def remove(account: str, connection_ids: Iterable[str]) -> None:
    """Takes connections out of the set, and deletes its item with the last one. Ids that are not in it are ignored."""
    ids = sorted(set(connection_ids))
    if not ids:
        return
    row, removed = update(
        _table(),
        _key(account),
        UpdateExpression="DELETE connection_ids :ids",
        ConditionExpression="attribute_exists(holder)",
        ExpressionAttributeValues={":ids": {"SS": ids}},
    )
    if removed and not _ids(row):
        _delete_empty(account)


def begin_recount(account: str) -> bool:
    """Returns whether a recount is due. Only one process is told so."""
    now = clock.seconds()
    return write_if_allowed(
        lambda: client().update_item(
            TableName=_table(),
            Key=_key(account),
            UpdateExpression="SET recounted = :now",
            ConditionExpression="attribute_exists(holder) AND NOT recounted > :before",
            ExpressionAttributeValues={":now": {"N": str(now)}, ":before": {"N": str(now - _RECOUNT_SECONDS)}},
        )
    )


def _delete_empty(account: str) -> None:
    """Deletes the item unless a connection was added meanwhile."""
    write_if_allowed(
        lambda: client().delete_item(
            TableName=_table(),
            Key=_key(account),
            ConditionExpression="attribute_not_exists(connection_ids) OR size(connection_ids) = :none",
            ExpressionAttributeValues={":none": {"N": "0"}},
        )
    )


def _ids(row: Item) -> frozenset[str]:
    return frozenset(row.get("connection_ids", ()))


def _table() -> str:
    return setting("CONNECTIONS_TABLE")


def _key(account: str) -> dict[str, dict[str, str]]:
    return {"holder": {"S": f"open#{account}"}, "item": {"S": _ONLY}}
