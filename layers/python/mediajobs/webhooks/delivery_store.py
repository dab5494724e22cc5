"""The delivery log. A delivery's row is the truth about it; messages only hint that it may be due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.aws.dynamodb import from_item, to_item
from mediajobs.errors import Conflict, NotFound
from mediajobs.settings import setting
from mediajobs.timestamps import milliseconds, rfc3339
from mediajobs.webhooks import attempt_queue, payloads
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import MAX_ATTEMPTS, PENDING, RETENTION, Delivery
from mediajobs.webhooks.delivery_tables import GRACE, as_delivery, change, client, expires, key, shard_of
from mediajobs.webhooks.endpoints import Endpoint

_LATEST_END = timedelta(days=10)  # behind its event: the schedule, and whatever put it off
_READS = 4  # of a page
_PAGE = 100


@dataclass(frozen=True)
class Page:
    """`place`: where to go on, JSON data; None at the end. A page may be short and go on."""

    deliveries: list[Delivery]
    next_position: dict[str, Any] | None


@dataclass(frozen=True)
class Recovered:
    count: int
    next_position: dict[str, Any] | None


def create(
    endpoint: Endpoint, *, event_id: str, event: str, job_id: str | None, body: str, at: datetime, now: datetime
) -> str:
    """Notes that the event of the moment `at` is to be delivered, and hints at it; a second time it only hints.

    Gives the delivery's id.
    """
    delivery_id = payloads.delivery_id(event_id, endpoint.webhook_id, at)
    values: dict[str, Any] = {
        "webhook_id": endpoint.webhook_id,
        "delivery_id": delivery_id,
        "account": endpoint.account,
        "event": event,
        "job_id": job_id,
        "message_id": payloads.message_id(event_id, at),
        "status": PENDING,
        "body": body,
        "created_at": rfc3339(at),
        "tries": 0,
        "put_offs": 0,
        "next_at": milliseconds(now),
        "due": shard_of(delivery_id),
        "due_at": milliseconds(now + GRACE),
        "expires": expires(now),
        "attempts": [],
    }
    first = {"Item": to_item(values), "ConditionExpression": "attribute_not_exists(delivery_id)"}
    write_if_allowed(lambda: client().put_item(TableName=setting("DELIVERIES_TABLE"), **first))
    attempt_queue.send([DeliveryReference(endpoint.account, endpoint.webhook_id, delivery_id)])
    return delivery_id


def test(endpoint: Endpoint, now: datetime) -> Delivery:
    """Sends an event of its own to the endpoint."""
    body = payloads.serialise(payloads.test_payload(now))
    made = create(endpoint, event_id=f"test-{ULID()}", event=payloads.TEST, job_id=None, body=body, at=now, now=now)
    return get(endpoint.webhook_id, made)


def get(webhook_id: str, delivery_id: str) -> Delivery:
    """Raises NotFound. Whose webhook it is, the caller has found out."""
    answer = client().get_item(
        TableName=setting("DELIVERIES_TABLE"), Key=key(webhook_id, delivery_id), ConsistentRead=True
    )
    if "Item" not in answer:
        raise NotFound("delivery", delivery_id)
    return as_delivery(from_item(answer["Item"]))


def page(
    webhook_id: str,
    *,
    status: str | None = None,
    event: str | None = None,
    job_id: str | None = None,
    limit: int = _PAGE,
    place: dict[str, Any] | None = None,
) -> Page:
    """The webhook's deliveries, the latest first, at most `limit`."""
    wanted = {"status": status, "event": event, "job_id": job_id}
    filters = {name: value for name, value in wanted.items() if value is not None}
    found: list[Delivery] = []
    for _ in range(_READS):
        answer = _query(webhook_id, filters, place, backwards=True, limit=limit - len(found))
        found += [as_delivery(from_item(item)) for item in answer["Items"]]
        place = _place(answer)
        if place is None or len(found) >= limit:
            break
    return Page(found, place)


def redeliver(delivery: Delivery, now: datetime) -> Delivery:
    """Sends it again at once, also one that was delivered, with the whole schedule before it.

    One that waits is only sent sooner; one that is on its way just now is left alone. Raises Conflict where it was
    sent too often, and NotFound.
    """
    if len(delivery.attempts) >= MAX_ATTEMPTS:
        raise Conflict(f"This delivery was sent {MAX_ATTEMPTS} times, which is as often as may be.")
    _again(delivery, now)
    return get(delivery.webhook_id, delivery.delivery_id)


def recover(
    webhook_id: str, since: datetime, now: datetime, *, place: dict[str, Any] | None = None, most: int = _PAGE
) -> Recovered:
    """Sends again what has failed since then, the oldest first. `most` deliveries are looked at; `place`: go on there.

    What failed then may have happened days before, ten at most: what was sent again by hand later than that, and has
    failed again, is found with a `since` of its first failure.
    """
    first = max(since, now - RETENTION) - _LATEST_END
    answer = _query(webhook_id, {"status": "failed"}, place, backwards=False, limit=most, first=first)
    failed = [as_delivery(from_item(item)) for item in answer["Items"]]
    late = [each for each in failed if each.completed_at is None or each.completed_at >= rfc3339(since)]
    late = [each for each in late if len(each.attempts) < MAX_ATTEMPTS]
    for each in late:
        _again(each, now)
    return Recovered(len(late), _place(answer))


def _again(delivery: Delivery, now: datetime) -> None:
    anew = "" if delivery.status == PENDING else ", tries = :zero"
    _, done = change(
        delivery.webhook_id,
        delivery.delivery_id,
        f"SET #status = :pending, next_at = :now, due = :due, due_at = :due_at, put_offs = :zero{anew}"
        " REMOVE completed_at, reason",
        "attribute_exists(delivery_id) AND attribute_not_exists(claim)",
        pending=PENDING,
        now=milliseconds(now),
        due=shard_of(delivery.delivery_id),
        due_at=milliseconds(now + GRACE),
        zero=0,
    )
    if done:
        attempt_queue.send([DeliveryReference(delivery.account, delivery.webhook_id, delivery.delivery_id)])


def _query(
    webhook_id: str,
    filters: dict[str, str],
    place: dict[str, Any] | None,
    *,
    backwards: bool,
    limit: int,
    first: datetime | None = None,
) -> Any:
    request: dict[str, Any] = {
        "TableName": setting("DELIVERIES_TABLE"),
        "KeyConditionExpression": "webhook_id = :webhook",
        "ExpressionAttributeValues": {":webhook": {"S": webhook_id}},
        "ScanIndexForward": not backwards,
        "Limit": limit,
    }
    if first is not None:
        request["KeyConditionExpression"] += " AND delivery_id >= :first"
        request["ExpressionAttributeValues"][":first"] = {"S": payloads.first_delivery_id(first)}
    if filters:
        request["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in filters}
        request["ExpressionAttributeValues"] |= {f":{name}": {"S": value} for name, value in filters.items()}
    if place is not None:
        request["ExclusiveStartKey"] = key(webhook_id, place["delivery_id"])
    return client().query(**request)


def _place(answer: Any) -> dict[str, Any] | None:
    last = answer.get("LastEvaluatedKey")
    return {"delivery_id": last["delivery_id"]["S"]} if last else None
