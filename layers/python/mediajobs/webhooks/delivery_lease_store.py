"""Who makes an attempt. It is claimed by moving `next_at` behind a lease: what is claimed is not due.

A claim that was never finished is found by the next one, which writes down that it was interrupted.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from mediajobs.aws.dynamodb import from_item
from mediajobs.settings import setting
from mediajobs.timestamps import milliseconds, of_milliseconds, rfc3339
from mediajobs.webhooks import attempt_queue
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import PENDING, Attempt, Delivery
from mediajobs.webhooks.delivery_tables import (
    GRACE_PERIOD,
    as_delivery,
    attempts_json,
    client,
    expiry,
    is_due,
    key,
    update_delivery,
)
from mediajobs.webhooks.retry_policy import SCHEDULE, NextStep, postpone_seconds

LEASE_DURATION = timedelta(seconds=60)  # longer than the function that makes the attempt may run
_INTERRUPTED = "It was begun, and its outcome was never written down. It may have arrived. It is sent again."


class NotDue(Exception):
    """Somebody else has it, it has ended, or its time has not come."""


@dataclass(frozen=True)
class DeliveryLease:
    """The right to make an attempt, until its lease ends."""

    delivery: Delivery
    token: str


def acquire(webhook_id: str, delivery_id: str, now: datetime) -> DeliveryLease:
    """The right to make the attempt that is due. Raises NotDue.

    One that was claimed and never finished is written down as interrupted, and counts.
    """
    token, first = str(ULID()), "attribute_not_exists(claim)"
    row, done = _claim(webhook_id, delivery_id, token, now, first)
    if not done and "claim" in row and is_due(row, now):
        lost = _interrupted(row)
        if int(row["tries"]) >= len(SCHEDULE):
            _end(webhook_id, delivery_id, row["claim"], lost, NextStep("failed", reason="attempts_exhausted"), now)
            raise NotDue(delivery_id)
        row, done = _claim(webhook_id, delivery_id, token, now, "claim = :before", before=row["claim"], lost=lost)
    if not done:
        raise NotDue(delivery_id)
    return DeliveryLease(as_delivery(row), token)


def finish(claimed: DeliveryLease, attempt: Attempt, then: NextStep, now: datetime) -> None:
    """Writes the attempt down, and how it goes on, in one; and hints at the next one where it is near."""
    delivery = claimed.delivery
    if not _end(delivery.webhook_id, delivery.delivery_id, claimed.token, attempt, then, now):
        update_delivery(  # the lease had ended: whoever came after decides, but this attempt was made too
            delivery.webhook_id,
            delivery.delivery_id,
            "SET attempts = list_append(attempts, :attempt)",
            "attribute_exists(delivery_id)",
            attempt=attempts_json(attempt),
        )
        return
    if then.at is not None:
        _hint_at(delivery, (then.at - now).total_seconds())


def may_be_due(hint: DeliveryReference, now: datetime) -> bool:
    """As it stands; who claims it first finds out whether it was."""
    row = _row(hint)
    return row is not None and is_due(row, now)


def postpone(hint: DeliveryReference, now: datetime, *, least: float = 0.0, longest: float) -> None:
    """The attempt cannot be made now: it comes later, the later the oftener that has happened. No attempt is counted.

    `least` and `longest` in seconds. A hint at what is not due is dropped.
    """
    row = _row(hint)
    if row is None or not is_due(row, now):
        return
    jitter = random.random()  # noqa: S311 - nobody gains by guessing it
    wait = max(postpone_seconds(int(row["put_offs"]), jitter, longest), least)
    later = now + timedelta(seconds=wait)
    _, done = update_delivery(
        hint.webhook_id,
        hint.delivery_id,
        "SET next_at = :later, due_at = :due_at, put_offs = put_offs + :one",
        "next_at = :before AND #status = :pending",
        later=milliseconds(later),
        due_at=milliseconds(later + GRACE_PERIOD),
        before=int(row["next_at"]),
        pending=PENDING,
        one=1,
    )
    if done:
        attempt_queue.send([hint], delay=wait)


def fail_delivery(hint: DeliveryReference, reason: str, now: datetime) -> None:
    """Its endpoint takes nothing any more: it has failed, until its owner recovers it. What is not due stays."""
    row = _row(hint)
    if row is None or not is_due(row, now):
        return
    update_delivery(
        hint.webhook_id,
        hint.delivery_id,
        "SET #status = :failed, reason = :reason, completed_at = :moment, expires = :expires,"
        " attempts = list_append(attempts, :lost) REMOVE due, due_at, next_at, claim, claimed_at",
        "next_at = :before AND #status = :pending",
        failed="failed",
        reason=reason,
        moment=rfc3339(now),
        expires=expiry(now),
        lost=attempts_json(_interrupted(row)) if "claim" in row else [],
        before=int(row["next_at"]),
        pending=PENDING,
    )


def _claim(
    webhook_id: str, delivery_id: str, token: str, now: datetime, condition: str, **values: Any
) -> tuple[dict[str, Any], bool]:
    lost = values.pop("lost", None)
    if lost is not None:
        values["lost"] = attempts_json(lost)
    return update_delivery(
        webhook_id,
        delivery_id,
        "SET claim = :token, claimed_at = :now, next_at = :until, due_at = :due_at, tries = tries + :one"
        + (", attempts = list_append(attempts, :lost)" if lost is not None else ""),
        f"#status = :pending AND next_at <= :now AND {condition}",
        token=token,
        now=milliseconds(now),
        until=milliseconds(now + LEASE_DURATION),
        due_at=milliseconds(now + LEASE_DURATION),
        one=1,
        pending=PENDING,
        **values,
    )


def _end(webhook_id: str, delivery_id: str, token: str, attempt: Attempt, then: NextStep, now: datetime) -> bool:
    """Whether the claim was still there to be ended."""
    values: dict[str, Any] = {
        "token": token,
        "attempt": attempts_json(attempt),
        "expires": expiry(now),
        "status": then.status,
    }
    expression = "SET attempts = list_append(attempts, :attempt), expires = :expires, #status = :status"
    if then.at is not None:
        near = (then.at - now).total_seconds() <= attempt_queue.MAX_DELAY
        values |= {
            "next": milliseconds(then.at),
            "due_at": milliseconds(then.at + (GRACE_PERIOD if near else timedelta())),
        }
        expression += ", next_at = :next, due_at = :due_at, put_offs = :zero REMOVE claim, claimed_at"
        values["zero"] = 0
    else:
        values["moment"] = rfc3339(now)
        expression += ", completed_at = :moment"
        if then.reason:
            expression += ", reason = :reason"
            values["reason"] = then.reason
        expression += " REMOVE claim, claimed_at, next_at, due, due_at"
    _, done = update_delivery(webhook_id, delivery_id, expression, "claim = :token", **values)
    return done


def _interrupted(row: dict[str, Any]) -> Attempt:
    """What is known of an attempt that was claimed and never finished."""
    return Attempt(time=str(of_milliseconds(int(row["claimed_at"]))), error="interrupted", detail=_INTERRUPTED)


def _hint_at(delivery: Delivery, seconds: float) -> None:
    """A long wait has no message: the sweep finds the row."""
    if seconds <= attempt_queue.MAX_DELAY:
        attempt_queue.send(
            [DeliveryReference(delivery.account, delivery.webhook_id, delivery.delivery_id)], delay=seconds
        )


def _row(hint: DeliveryReference) -> dict[str, Any] | None:
    answer = client().get_item(
        TableName=setting("DELIVERIES_TABLE"), Key=key(hint.webhook_id, hint.delivery_id), ConsistentRead=True
    )
    return from_item(answer["Item"]) if "Item" in answer else None
