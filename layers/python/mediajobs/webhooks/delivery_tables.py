"""The rows of the delivery log, as DynamoDB has them.

`next_at` is when the attempt may be made, `due_at` when the sweep looks whether it was: `due` and `due_at` make a
sparse index of what has not ended. Times in ms since 1970.
"""

import zlib
from datetime import datetime, timedelta
from typing import Any

from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import update
from mediajobs.aws.dynamodb import to_attribute
from mediajobs.settings import setting
from mediajobs.timestamps import milliseconds, of_milliseconds
from mediajobs.webhooks.delivery import PENDING, RETENTION, Attempt, Delivery

SHARDS = 8
_LONGER_THAN_EVENTS = timedelta(days=1)  # than the archive keeps them: a replay at its edge finds what was delivered
GRACE_PERIOD = timedelta(minutes=2)  # a hint that has not done its work by then was lost
_FIELDS = ("webhook_id", "delivery_id", "account", "event", "job_id", "message_id", "status", "reason", "body")
_TIMES = ("created_at", "completed_at")


def update_delivery(
    webhook_id: str, delivery_id: str, expression: str, condition: str, **values: Any
) -> tuple[dict[str, Any], bool]:
    """`#status` stands for the attribute `status`, `:name` for `values[name]`."""
    names = {"ExpressionAttributeNames": {"#status": "status"}} if "#status" in expression + condition else {}
    return update(
        setting("DELIVERIES_TABLE"),
        key(webhook_id, delivery_id),
        UpdateExpression=expression,
        ConditionExpression=condition,
        ExpressionAttributeValues={f":{name}": to_attribute(value) for name, value in values.items()},
        **names,
    )


def as_delivery(row: dict[str, Any]) -> Delivery:
    values = {name: row[name] for name in (*_FIELDS, *_TIMES) if name in row}
    attempts = [Attempt.model_validate_json(attempt) for attempt in row["attempts"]]
    waits = row["status"] == PENDING and "claim" not in row
    return Delivery(
        **{"job_id": None, **values},
        tries=int(row["tries"]),
        next_attempt_at=of_milliseconds(int(row["next_at"])) if waits else None,
        attempts=attempts,
    )


def is_due(row: dict[str, Any], now: datetime) -> bool:
    return row.get("status") == PENDING and int(row["next_at"]) <= milliseconds(now)


def attempts_json(*attempts: Attempt) -> list[str]:
    """Attempts as the row has them."""
    return [attempt.model_dump_json(exclude_none=True) for attempt in attempts]


def shard_of(delivery_id: str) -> str:
    return f"due#{zlib.crc32(delivery_id.encode()) % SHARDS}"


def expiry(now: datetime) -> int:
    """When the row may go, in seconds since 1970."""
    return int((now + RETENTION + _LONGER_THAN_EVENTS).timestamp())


def key(webhook_id: str, delivery_id: str) -> dict[str, Any]:
    return {"webhook_id": {"S": webhook_id}, "delivery_id": {"S": delivery_id}}


def client() -> Any:
    return dynamodb.client()
