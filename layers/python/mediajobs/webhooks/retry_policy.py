"""Decides when a delivery is attempted again, what a response means, and when a failing endpoint is disabled."""

import email.utils
from dataclasses import dataclass
from datetime import datetime, timedelta

from mediajobs.timestamps import parse_rfc3339
from mediajobs.webhooks.delivery import DeliveryResponse, DeliveryStatus

# Seconds to wait before each attempt: about 75 hours from the first to the last.
SCHEDULE = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
JITTER = 0.1  # of the wait, added: deliveries that failed together are not all sent again together
MAX_BUSY_DELAY = 60.0  # seconds that an attempt is postponed at most if all slots of the endpoint are taken
# Seconds at most if the circuit is open. When the endpoint works again, all that waited is sent within this time.
MAX_OPEN_CIRCUIT_DELAY = 5 * 60.0
MAX_RETRY_AFTER = 24 * 3600  # seconds; a longer Retry-After is shortened
DISABLE_AFTER = timedelta(days=5)  # of failures without a success
_MAX_GAP = timedelta(days=2)  # between failures of one series; the longest wait between two attempts is shorter


@dataclass(frozen=True)
class NextStep:
    """What follows an attempt: the next one at `at`, or None if the delivery has ended. `reason` says why it failed."""

    status: DeliveryStatus
    at: datetime | None = None
    reason: str | None = None


def next_step(tries: int, response: DeliveryResponse, now: datetime, random: float) -> NextStep:
    """Returns what follows the attempt number `tries`. `random` is from 0 to 1."""
    if response.delivered:
        return NextStep("delivered")
    if response.gone:
        return NextStep("failed", reason="gone")
    if tries >= len(SCHEDULE):
        return NextStep("failed", reason="attempts_exhausted")
    return NextStep("pending", now + timedelta(seconds=_wait(tries, response, now, random)))


def postpone_seconds(postponements: int, random: float, max_seconds: float) -> float:
    """Returns how long an attempt is postponed that was postponed so many times before: exponential, with jitter."""
    return min(2.0 ** min(postponements, 20), max_seconds / 2) * (1 + random)


def failing_since(since: str | None, failed_at: str | None, now: datetime) -> datetime:
    """Returns the start of an endpoint's series of failures, now that it has failed again."""
    if since is None or failed_at is None or now - parse_rfc3339(failed_at) > _MAX_GAP:
        return now
    return parse_rfc3339(since)


def should_disable(since: datetime, now: datetime) -> bool:
    return now - since >= DISABLE_AFTER


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """Parses a Retry-After, which is seconds or a date. Returns 0 if it is missing or malformed."""
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


def _wait(tries: int, response: DeliveryResponse, now: datetime, random: float) -> float:
    """Returns the seconds of the schedule, or of Retry-After if those are more."""
    scheduled = SCHEDULE[tries] * (1 + JITTER * random)
    return max(scheduled, retry_after_seconds(response.retry_after, now))
