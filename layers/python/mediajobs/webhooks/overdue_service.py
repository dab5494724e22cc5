"""The net under the hints: once a minute it hints again at what is due and was not done."""

from datetime import datetime, timedelta
from typing import Any

from mediajobs.aws.dynamodb import from_item
from mediajobs.settings import setting
from mediajobs.timestamps import milliseconds
from mediajobs.webhooks import attempt_queue
from mediajobs.webhooks.attempt_queue import BATCH_SIZE, DeliveryReference
from mediajobs.webhooks.delivery_tables import SHARDS, client, update_delivery

_AGAIN = timedelta(minutes=15)
_MOST = 500  # of a shard in one go


def enqueue_overdue(now: datetime) -> int:
    """Hints at whatever is due and whose hint was lost. Gives their number."""
    return sum(_sweep(shard, now) for shard in range(SHARDS))


def _sweep(shard: int, now: datetime) -> int:
    answer = client().query(
        TableName=setting("DELIVERIES_TABLE"),
        IndexName="due",
        KeyConditionExpression="due = :due AND due_at <= :now",
        ExpressionAttributeValues={":due": {"S": f"due#{shard}"}, ":now": {"N": str(milliseconds(now))}},
        Limit=_MOST,
    )
    rows = [from_item(item) for item in answer["Items"]]
    return sum(_hint(rows[start : start + BATCH_SIZE], now) for start in range(0, len(rows), BATCH_SIZE))


def _hint(rows: list[dict[str, Any]], now: datetime) -> int:
    """At few at a time: those that are noted and not sent, because the function ends here, wait for a later sweep."""
    ours = [row for row in rows if _noted(row, now)]
    attempt_queue.send([DeliveryReference(row["account"], row["webhook_id"], row["delivery_id"]) for row in ours])
    return len(ours)


def _noted(row: dict[str, Any], now: datetime) -> bool:
    """Whether it is ours to hint at it: the next sweep need not for a while, however long the queue is."""
    _, done = update_delivery(
        row["webhook_id"],
        row["delivery_id"],
        "SET due_at = :later",
        "due_at = :before",
        later=milliseconds(now + _AGAIN),
        before=int(row["due_at"]),
    )
    return done
