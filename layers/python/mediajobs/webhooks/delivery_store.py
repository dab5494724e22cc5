"""The delivery log: creates deliveries, lists them, and makes them due again.

A delivery's row has its whole state. Messages in the queue only say that it may be due (`attempt_queue`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.aws.dynamodb import from_item, to_item
from mediajobs.errors import Conflict, NotFound
from mediajobs.settings import setting
from mediajobs.timestamps import rfc3339, to_milliseconds
from mediajobs.webhooks import attempt_queue, delivery_tables, payloads
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import FAILED, MAX_ATTEMPTS, PENDING, RETENTION, Delivery
from mediajobs.webhooks.delivery_tables import GRACE_PERIOD, as_delivery, expiry, key, shard_of, update_delivery
from mediajobs.webhooks.endpoints import Endpoint

_MAX_DURATION = timedelta(days=10)  # from an event to the end of its delivery: the schedule, and all postponements
_MAX_READS = 4  # for a page
_PAGE_SIZE = 100

Position = dict[str, Any]  # where a list goes on, JSON data


@dataclass(frozen=True)
class Page:
    """A page of a list. It may be short and still have a next one; `next_position` is None at the end."""

    deliveries: list[Delivery]
    next_position: Position | None


@dataclass(frozen=True)
class RecoveredPage:
    """The number of deliveries that were made due again, and where to go on; None at the end."""

    count: int
    next_position: Position | None


def create(
    endpoint: Endpoint, *, event_id: str, event: str, job_id: str | None, body: str, at: datetime, now: datetime
) -> str:
    """Creates the delivery of the event of the moment `at`, and enqueues it. If it exists, it is only enqueued.

    Returns the delivery's id.
    """
    delivery_id = payloads.delivery_id(event_id, endpoint.webhook_id, at)
    values: dict[str, Any] = {
        "webhook_id": endpoint.webhook_id,
        "delivery_id": delivery_id,
        "account": endpoint.account,
        "event": event,
        "job_id": job_id,
        "message_id": payloads.message_id(event_id, at),
        "body": body,
        "created_at": rfc3339(at),
    }
    values |= _not_attempted(delivery_id, now)
    put = {"Item": to_item(values), "ConditionExpression": "attribute_not_exists(delivery_id)"}
    write_if_allowed(lambda: dynamodb.client().put_item(TableName=setting("DELIVERIES_TABLE"), **put))
    attempt_queue.send([DeliveryReference(endpoint.account, endpoint.webhook_id, delivery_id)])
    return delivery_id


def _not_attempted(delivery_id: str, now: datetime) -> dict[str, Any]:
    """Returns the attributes of a delivery that is due now for the first time."""
    return {
        "status": PENDING,
        "tries": 0,
        "postponements": 0,
        "next_at": to_milliseconds(now),
        "due": shard_of(delivery_id),
        "due_at": to_milliseconds(now + GRACE_PERIOD),
        "expires": expiry(now),
        "attempts": [],
    }


def send_test(endpoint: Endpoint, now: datetime) -> Delivery:
    """Sends a `webhook.test` event to the endpoint."""
    body = payloads.serialise(payloads.test_payload(now))
    event_id = f"test-{ULID()}"
    delivery_id = create(endpoint, event_id=event_id, event=payloads.TEST, job_id=None, body=body, at=now, now=now)
    return get(endpoint.webhook_id, delivery_id)


def get(webhook_id: str, delivery_id: str) -> Delivery:
    """Raises NotFound. The caller has checked whose webhook it is."""
    row = delivery_tables.get_row(webhook_id, delivery_id)
    if not row:
        raise NotFound("delivery", delivery_id)
    return as_delivery(row)


def page(
    webhook_id: str,
    *,
    status: str | None = None,
    event: str | None = None,
    job_id: str | None = None,
    limit: int = _PAGE_SIZE,
    position: Position | None = None,
) -> Page:
    """Returns deliveries of a webhook, the latest first, at most `limit`."""
    values = {"status": status, "event": event, "job_id": job_id}
    filters = {name: value for name, value in values.items() if value is not None}
    deliveries: list[Delivery] = []
    for _ in range(_MAX_READS):
        response = _query(webhook_id, filters, position, newest_first=True, limit=limit - len(deliveries))
        deliveries += [as_delivery(from_item(item)) for item in response["Items"]]
        position = _next_position(response)
        if position is None or len(deliveries) >= limit:
            break
    return Page(deliveries, position)


def redeliver(delivery: Delivery, now: datetime) -> Delivery:
    """Makes a delivery due now, even if it was delivered, and begins the schedule anew.

    A pending one is only due sooner. One whose attempt is being made is left as it is. Raises Conflict after the
    maximum of attempts, and NotFound.
    """
    if len(delivery.attempts) >= MAX_ATTEMPTS:
        raise Conflict(f"This delivery was sent {MAX_ATTEMPTS} times, which is as often as may be.")
    _make_due(delivery, now)
    return get(delivery.webhook_id, delivery.delivery_id)


def recover(
    webhook_id: str,
    since: datetime,
    now: datetime,
    *,
    position: Position | None = None,
    max_deliveries: int = _PAGE_SIZE,
) -> RecoveredPage:
    """Makes deliveries that failed since a moment due again, the oldest first. Reads at most `max_deliveries`.

    The read begins ten days before `since`, because the event of a delivery may be that much earlier than its end. A
    delivery that was sent again by hand after that time, and failed again, is found with the moment of its first
    failure as `since`.
    """
    first = max(since, now - RETENTION) - _MAX_DURATION
    filters = {"status": FAILED}
    response = _query(webhook_id, filters, position, newest_first=False, limit=max_deliveries, first=first)
    failed = [as_delivery(from_item(item)) for item in response["Items"]]
    recovered = [delivery for delivery in failed if _is_recoverable(delivery, since)]
    for delivery in recovered:
        _make_due(delivery, now)
    return RecoveredPage(len(recovered), _next_position(response))


def _is_recoverable(delivery: Delivery, since: datetime) -> bool:
    failed_since = delivery.completed_at is None or delivery.completed_at >= rfc3339(since)
    return failed_since and len(delivery.attempts) < MAX_ATTEMPTS


def _make_due(delivery: Delivery, now: datetime) -> None:
    """Makes a delivery pending and due, and enqueues it, unless it is leased. An ended one begins the schedule anew."""
    new_schedule = "" if delivery.status == PENDING else ", tries = :zero"
    _, done = update_delivery(
        delivery.webhook_id,
        delivery.delivery_id,
        f"SET #status = :pending, next_at = :now, due = :due, due_at = :due_at, postponements = :zero{new_schedule}"
        " REMOVE completed_at, reason",
        "attribute_exists(delivery_id) AND attribute_not_exists(lease)",
        pending=PENDING,
        now=to_milliseconds(now),
        due=shard_of(delivery.delivery_id),
        due_at=to_milliseconds(now + GRACE_PERIOD),
        zero=0,
    )
    if done:
        attempt_queue.send([DeliveryReference(delivery.account, delivery.webhook_id, delivery.delivery_id)])


def _query(
    webhook_id: str,
    filters: dict[str, str],
    position: Position | None,
    *,
    newest_first: bool,
    limit: int,
    first: datetime | None = None,
) -> Any:
    request: dict[str, Any] = {
        "TableName": setting("DELIVERIES_TABLE"),
        "KeyConditionExpression": "webhook_id = :webhook",
        "ExpressionAttributeValues": {":webhook": {"S": webhook_id}},
        "ScanIndexForward": not newest_first,
        "Limit": limit,
    }
    if first is not None:
        request["KeyConditionExpression"] += " AND delivery_id >= :first"
        request["ExpressionAttributeValues"][":first"] = {"S": payloads.first_delivery_id(first)}
    if filters:
        request["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in filters}
        request["ExpressionAttributeValues"] |= {f":{name}": {"S": value} for name, value in filters.items()}
    if position is not None:
        request["ExclusiveStartKey"] = key(webhook_id, position["delivery_id"])
    return dynamodb.client().query(**request)


def _next_position(response: Any) -> Position | None:
    last_key = response.get("LastEvaluatedKey")
    return {"delivery_id": last_key["delivery_id"]["S"]} if last_key else None
