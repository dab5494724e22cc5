"""Leases: one worker at a time makes the attempt of a delivery, and records its outcome.

A lease is acquired by moving `next_at` past the lease's end, so that a leased delivery is not due. If its worker dies,
the delivery is due again when the lease has ended; the next worker then logs the unfinished attempt as interrupted.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from mediajobs.aws.dynamodb import Item
from mediajobs.timestamps import from_milliseconds, rfc3339, to_milliseconds
from mediajobs.webhooks import attempt_queue, delivery_tables
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import FAILED, PENDING, Attempt, Delivery
from mediajobs.webhooks.delivery_tables import (
    GRACE_PERIOD,
    as_delivery,
    attempts_json,
    expiry,
    is_due,
    update_delivery,
)
from mediajobs.webhooks.retry_policy import SCHEDULE, NextStep, postpone_seconds

LEASE_DURATION = timedelta(seconds=60)  # longer than the function that makes the attempt may run
_INTERRUPTED = "It was begun, and its outcome was never written down. It may have arrived. It is sent again."


class NotDue(Exception):
    """The delivery is leased by another worker, has ended, or is due later."""


@dataclass(frozen=True)
class DeliveryLease:
    """The right to make the attempt of a delivery until the lease ends. `token` identifies the lease."""

    delivery: Delivery
    token: str


def acquire(webhook_id: str, delivery_id: str, now: datetime) -> DeliveryLease:
    """Leases a delivery that is due, and counts the attempt. Raises NotDue.

    If an earlier lease ended without an outcome, its attempt is logged as interrupted.
    """
    token = str(ULID())
    row, done = _write_lease(webhook_id, delivery_id, token, now, "attribute_not_exists(lease)")
    if not done and "lease" in row and is_due(row, now):
        row, done = _take_over(row, token, now)
    if not done:
        raise NotDue(delivery_id)
    return DeliveryLease(as_delivery(row), token)


def finish(lease: DeliveryLease, attempt: Attempt, step: NextStep, now: datetime) -> None:
    """Logs the attempt and sets the next step in one write, and enqueues the next attempt if it is near."""
    delivery = lease.delivery
    if not _end_lease(delivery.webhook_id, delivery.delivery_id, lease.token, attempt, step, now):
        update_delivery(  # the lease had ended, so another worker decides on the next step; this attempt is only logged
            delivery.webhook_id,
            delivery.delivery_id,
            "SET attempts = list_append(attempts, :attempt)",
            "attribute_exists(delivery_id)",
            attempt=attempts_json(attempt),
        )
    elif step.at is not None and _is_near(step.at, now):  # the sweep finds the row of an attempt that is not near
        reference = DeliveryReference(delivery.account, delivery.webhook_id, delivery.delivery_id)
        attempt_queue.send([reference], delay=(step.at - now).total_seconds())


def may_be_due(reference: DeliveryReference, now: datetime) -> bool:
    """Whether the delivery is due now. Another worker may lease it at any moment."""
    return _due_row(reference, now) is not None


def postpone(reference: DeliveryReference, now: datetime, *, min_seconds: float = 0.0, max_seconds: float) -> None:
    """Postpones an attempt that cannot be made now, longer at each postponement. No attempt is counted.

    Does nothing if the delivery is not due.
    """
    row = _due_row(reference, now)
    if row is None:
        return
    jitter = random.random()  # noqa: S311 - not a secret
    delay = max(postpone_seconds(int(row["postponements"]), jitter, max_seconds), min_seconds)
    later = now + timedelta(seconds=delay)
    _, done = update_delivery(
        reference.webhook_id,
        reference.delivery_id,
        "SET next_at = :later, due_at = :due_at, postponements = postponements + :one",
        "next_at = :before AND #status = :pending",
        later=to_milliseconds(later),
        due_at=to_milliseconds(later + GRACE_PERIOD),
        before=int(row["next_at"]),
        pending=PENDING,
        one=1,
    )
    if done:
        attempt_queue.send([reference], delay=delay)


def fail_delivery(reference: DeliveryReference, reason: str, now: datetime) -> None:
    """Marks a delivery as failed because its endpoint is disabled or deleted. Its owner can recover it.

    Does nothing if the delivery is not due.
    """
    row = _due_row(reference, now)
    if row is None:
        return
    update_delivery(
        reference.webhook_id,
        reference.delivery_id,
        "SET #status = :failed, reason = :reason, completed_at = :now, expires = :expires,"
        " attempts = list_append(attempts, :interrupted) REMOVE due, due_at, next_at, lease, leased_at",
        "next_at = :before AND #status = :pending",
        failed=FAILED,
        reason=reason,
        now=rfc3339(now),
        expires=expiry(now),
        interrupted=attempts_json(_interrupted(row)) if "lease" in row else [],
        before=int(row["next_at"]),
        pending=PENDING,
    )


def _take_over(row: Item, token: str, now: datetime) -> tuple[Item, bool]:
    """Leases a delivery whose lease ended without an outcome. It fails if that was the last attempt of the schedule."""
    webhook_id, delivery_id, before = row["webhook_id"], row["delivery_id"], row["lease"]
    interrupted = _interrupted(row)
    if int(row["tries"]) >= len(SCHEDULE):
        step = NextStep("failed", reason="attempts_exhausted")
        _end_lease(webhook_id, delivery_id, before, interrupted, step, now)
        return row, False
    return _write_lease(webhook_id, delivery_id, token, now, "lease = :before", [interrupted], before=before)


def _write_lease(
    webhook_id: str,
    delivery_id: str,
    token: str,
    now: datetime,
    condition: str,
    interrupted: Sequence[Attempt] = (),
    **values: Any,
) -> tuple[Item, bool]:
    return update_delivery(
        webhook_id,
        delivery_id,
        "SET lease = :token, leased_at = :now, next_at = :until, due_at = :until, tries = tries + :one,"
        " attempts = list_append(attempts, :interrupted)",
        f"#status = :pending AND next_at <= :now AND {condition}",
        token=token,
        now=to_milliseconds(now),
        until=to_milliseconds(now + LEASE_DURATION),
        one=1,
        interrupted=attempts_json(*interrupted),
        pending=PENDING,
        **values,
    )


def _end_lease(webhook_id: str, delivery_id: str, token: str, attempt: Attempt, step: NextStep, now: datetime) -> bool:
    """Logs an attempt, sets the next step and removes the lease. Returns False if the lease is another worker's."""
    expression, values = _completed(step, now) if step.at is None else _rescheduled(step.at, now)
    _, done = update_delivery(
        webhook_id,
        delivery_id,
        f"SET attempts = list_append(attempts, :attempt), expires = :expires, #status = :status, {expression}",
        "lease = :token",
        token=token,
        attempt=attempts_json(attempt),
        expires=expiry(now),
        status=step.status,
        **values,
    )
    return done


def _completed(step: NextStep, now: datetime) -> tuple[str, dict[str, Any]]:
    reason = {"reason": step.reason} if step.reason else {}
    expression = "completed_at = :now" + (", reason = :reason" if reason else "")
    return f"{expression} REMOVE lease, leased_at, next_at, due, due_at", {"now": rfc3339(now), **reason}


def _rescheduled(at: datetime, now: datetime) -> tuple[str, dict[str, Any]]:
    due_at = at + GRACE_PERIOD if _is_near(at, now) else at  # one that is not near has no message, only the sweep
    expression = "next_at = :next, due_at = :due_at, postponements = :zero REMOVE lease, leased_at"
    return expression, {"next": to_milliseconds(at), "due_at": to_milliseconds(due_at), "zero": 0}


def _is_near(at: datetime, now: datetime) -> bool:
    """Whether a message in the queue can be delayed until then."""
    return (at - now).total_seconds() <= attempt_queue.MAX_DELAY


def _interrupted(row: Item) -> Attempt:
    """Returns the log entry of an attempt whose lease ended without an outcome."""
    return Attempt(time=str(from_milliseconds(int(row["leased_at"]))), error="interrupted", detail=_INTERRUPTED)


def _due_row(reference: DeliveryReference, now: datetime) -> Item | None:
    row = delivery_tables.get_row(reference.webhook_id, reference.delivery_id)
    return row if is_due(row, now) else None
