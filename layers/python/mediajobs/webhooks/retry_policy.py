"""The life of a delivery: when it is tried, what an answer means, and when an endpoint is given up."""

import email.utils
from dataclasses import dataclass
from datetime import datetime, timedelta

from mediajobs.timestamps import parse
from mediajobs.webhooks.delivery import DeliveryResponse, DeliveryStatus

# Seconds to wait before each attempt: 75 hours from the first to the last.
SCHEDULE = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
JITTER = 0.1  # of the wait, added: many that failed together do not come back together
MAX_BUSY_DELAY = 60.0  # seconds that an attempt is put off where too many are on their way
MAX_OPEN_CIRCUIT_DELAY = (
    5 * 60.0
)  # and where the endpoint does not answer: so long after it is back all that waited is sent
MAX_RETRY_AFTER = 24 * 3600  # what Retry-After may ask for
DISABLE_AFTER = timedelta(days=5)  # of nothing but failure
_FORGOTTEN_AFTER = timedelta(days=2)  # failures further apart than the longest wait say nothing about what lay between


@dataclass(frozen=True)
class NextStep:
    """How it goes on: at `at`, or not at all, for a `reason` where it failed."""

    status: DeliveryStatus
    at: datetime | None = None
    reason: str | None = None


def next_step(tries: int, answer: DeliveryResponse, now: datetime, random: float) -> NextStep:
    """What follows the answer to the attempt number `tries`. `random` is from 0 to 1."""
    if answer.delivered:
        return NextStep("delivered")
    if answer.gone:
        return NextStep("failed", reason="gone")
    if tries >= len(SCHEDULE):
        return NextStep("failed", reason="attempts_exhausted")
    return NextStep("pending", now + timedelta(seconds=_wait(tries, answer, now, random)))


def postpone_seconds(times: int, random: float, longest: float) -> float:
    """How long an attempt waits that could not be made, when that has happened so many times before."""
    return min(2.0 ** min(times, 20), longest / 2) * (1 + random)


def failing_since(since: str | None, failed_at: str | None, now: datetime) -> datetime:
    """Since when an endpoint has done nothing but fail, now that it has failed again."""
    if since is None or failed_at is None or now - parse(failed_at) > _FORGOTTEN_AFTER:
        return now
    return parse(since)


def should_disable(since: datetime, now: datetime) -> bool:
    return now - since >= DISABLE_AFTER


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """What a Retry-After (seconds, or a date) asks for; 0 where it asks for nothing that can be understood."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(min(int(value.strip()[:12]), MAX_RETRY_AFTER))
    try:
        until = email.utils.parsedate_to_datetime(value)
        seconds = (until - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), float(MAX_RETRY_AFTER))


def _wait(tries: int, answer: DeliveryResponse, now: datetime, random: float) -> float:
    """Never less than what the receiver asks for."""
    scheduled = SCHEDULE[tries] * (1 + JITTER * random)
    return max(scheduled, retry_after_seconds(answer.retry_after, now))
