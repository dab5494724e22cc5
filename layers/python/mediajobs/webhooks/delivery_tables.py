"""The rows of the delivery log in DynamoDB, and their conversion to deliveries.

A row has the whole state of a delivery. `next_at` is when the next attempt may be made; `due_at` is when the sweep
looks whether it was made. `due` and `due_at` are the keys of a sparse index of the deliveries that have not ended.
`lease` and `leased_at` are there while an attempt is made. Times are in ms since 1970.
"""

import zlib
from datetime import datetime, timedelta
from typing import Any

from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import update
from mediajobs.aws.dynamodb import Item, to_attribute
from mediajobs.settings import setting
from mediajobs.timestamps import from_milliseconds, to_milliseconds
from mediajobs.webhooks.delivery import PENDING, RETENTION, Attempt, Delivery

SHARDS = 8  # partitions of the index of due deliveries
GRACE_PERIOD = timedelta(minutes=2)  # then a message that has not led to an attempt counts as lost
# Longer than the event archive's retention: a replay of its oldest events finds the deliveries that they led to.
_REPLAY_MARGIN = timedelta(days=1)
_FIELDS = ("webhook_id", "delivery_id", "account", "event", "job_id", "message_id", "status", "reason", "body")
_TIMES = ("created_at", "completed_at")


def get_row(webhook_id: str, delivery_id: str) -> Item:
    """Returns the row, empty if there is none."""
    response = dynamodb.client().get_item(
        TableName=setting("DELIVERIES_TABLE"), Key=key(webhook_id, delivery_id), ConsistentRead=True
    )
    return dynamodb.from_item(response.get("Item"))


def update_delivery(
    webhook_id: str, delivery_id: str, expression: str, condition: str, **values: Any
) -> tuple[Item, bool]:
    """Updates a row. Returns it, and whether the condition held and it was written.

    `#status` stands for the attribute `status`, `:name` for `values[name]`.
    """
    names = {"ExpressionAttributeNames": {"#status": "status"}} if "#status" in expression + condition else {}
    return update(
        setting("DELIVERIES_TABLE"),
        key(webhook_id, delivery_id),
        UpdateExpression=expression,
        ConditionExpression=condition,
        ExpressionAttributeValues={f":{name}": to_attribute(value) for name, value in values.items()},
        **names,
    )


def as_delivery(row: Item) -> Delivery:
    values = {name: row[name] for name in (*_FIELDS, *_TIMES) if name in row}
    is_waiting = row["status"] == PENDING and "lease" not in row
    return Delivery(
        **{"job_id": None, **values},
        tries=int(row["tries"]),
        next_attempt_at=from_milliseconds(int(row["next_at"])) if is_waiting else None,
        attempts=[Attempt.model_validate_json(attempt) for attempt in row["attempts"]],
    )


def is_due(row: Item, now: datetime) -> bool:
    return row.get("status") == PENDING and int(row["next_at"]) <= to_milliseconds(now)


def attempts_json(*attempts: Attempt) -> list[str]:
    """Returns attempts as the list attribute `attempts` has them."""
    return [attempt.model_dump_json(exclude_none=True) for attempt in attempts]


def shard_of(delivery_id: str) -> str:
    """The partition of a delivery in the index of due deliveries."""
    return f"due#{zlib.crc32(delivery_id.encode()) % SHARDS}"


def expiry(now: datetime) -> int:
    """When a row that is written now expires, in seconds since 1970."""
    return int((now + RETENTION + _REPLAY_MARGIN).timestamp())


def key(webhook_id: str, delivery_id: str) -> dict[str, Any]:
    return {"webhook_id": {"S": webhook_id}, "delivery_id": {"S": delivery_id}}
