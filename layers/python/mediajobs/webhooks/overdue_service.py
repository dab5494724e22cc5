"""The sweep of deliveries: once a minute it sends new messages for deliveries that are overdue.

A delivery is overdue if its message was lost, or if its next attempt was too far in the future for a message.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mediajobs.aws import dynamodb
from mediajobs.aws.dynamodb import Item, from_item
from mediajobs.settings import setting
from mediajobs.timestamps import to_milliseconds
from mediajobs.webhooks import attempt_queue
from mediajobs.webhooks.attempt_queue import BATCH_SIZE, DeliveryReference
from mediajobs.webhooks.delivery_tables import SHARDS, update_delivery

_PAUSE = timedelta(minutes=15)  # until the sweep sends another message for the same delivery
_MAX_ROWS = 500  # of a shard in one sweep


def enqueue_overdue(now: datetime) -> int:
    """Sends a message for each delivery that is overdue. Returns the number of messages."""
    return sum(_sweep_shard(shard, now) for shard in range(SHARDS))


def _sweep_shard(shard: int, now: datetime) -> int:
    response = dynamodb.client().query(
        TableName=setting("DELIVERIES_TABLE"),
        IndexName="due",
        KeyConditionExpression="due = :due AND due_at <= :now",
        ExpressionAttributeValues={":due": {"S": f"due#{shard}"}, ":now": {"N": str(to_milliseconds(now))}},
        Limit=_MAX_ROWS,
    )
    rows = [from_item(item) for item in response["Items"]]
    return sum(_enqueue(rows[start : start + BATCH_SIZE], now) for start in range(0, len(rows), BATCH_SIZE))


def _enqueue(rows: Sequence[Item], now: datetime) -> int:
    """Reserves and enqueues a few deliveries: if the function dies in between, only these wait for a later sweep."""
    reserved = [row for row in rows if _reserve(row, now)]
    attempt_queue.send([DeliveryReference(row["account"], row["webhook_id"], row["delivery_id"]) for row in reserved])
    return len(reserved)


def _reserve(row: Item, now: datetime) -> bool:
    """Moves `due_at`, so that the next sweeps do not enqueue the delivery again, however long the queue is.

    Returns False if the row was changed since it was read.
    """
    _, done = update_delivery(
        row["webhook_id"],
        row["delivery_id"],
        "SET due_at = :later",
        "due_at = :before",
        later=to_milliseconds(now + _PAUSE),
        before=int(row["due_at"]),
    )
    return done
