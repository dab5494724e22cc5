"""The life of a delivery: when it is tried, what an answer means, and when an endpoint is given up."""

import email.utils
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from mediajobs.times import parse, rfc3339

DeliveryStatus = Literal["pending", "delivered", "failed"]
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

# Seconds to wait before each attempt: 75 hours from the first to the last.
SCHEDULE = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
JITTER = 0.1  # of the wait, added: many that failed together do not come back together
LONGEST_CROWD = 60.0  # seconds that an attempt is put off where too many are on their way
LONGEST_REST = 5 * 60.0  # and where the endpoint does not answer: so long after it is back all that waited is sent
LONGEST_WAIT = 24 * 3600  # what Retry-After may ask for
ANSWER_BYTES = 1024  # of an answer are kept
DEADLINE_SECONDS = 15.0
KEPT = timedelta(days=30)  # after the last attempt
MOST_ATTEMPTS = 100  # of one delivery, with those that were asked for by hand

GIVEN_UP_AFTER = timedelta(days=5)  # of nothing but failure
_FORGOTTEN_AFTER = timedelta(days=2)  # failures further apart than the longest wait say nothing about what lay between
_GONE = 410
_UNSEEN = dict.fromkeys({*range(32), 127} - set(map(ord, "\t\n\r")), "\ufffd")


class Attempt(BaseModel):
    """One request. `status` is the answer's, None where none came; `error` a snake_case name, and `detail` what to do
    about it; `response` the first 1 KB of the answer. Times in UTC."""

    time: str
    status: int | None = None
    latency_ms: int | None = None
    error: str | None = None
    detail: str | None = None
    response: str | None = None


class Delivery(BaseModel):
    """An event on its way to an endpoint. `reason` says why it failed; `tries` counts the attempts of the schedule."""

    webhook_id: str
    delivery_id: str
    account: str
    event: str
    job_id: str | None
    message_id: str
    status: DeliveryStatus
    reason: str | None = None
    body: str
    created_at: str
    completed_at: str | None = None
    next_attempt_at: str | None = None
    attempts: list[Attempt] = []
    tries: int = 0


@dataclass(frozen=True)
class Answer:
    """What came of a request. `error` where no whole answer came, or none that could be taken."""

    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""
    latency_ms: int = 0
    error: str | None = None
    detail: str | None = None

    @property
    def delivered(self) -> bool:
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more."""
        return self.error is None and self.status == _GONE


@dataclass(frozen=True)
class Next:
    """How it goes on: at `at`, or not at all, for a `reason` where it failed."""

    status: DeliveryStatus
    at: datetime | None = None
    reason: str | None = None


def after(tries: int, answer: Answer, now: datetime, random: float) -> Next:
    """What follows the answer to the attempt number `tries`. `random` is from 0 to 1."""
    if answer.delivered:
        return Next("delivered")
    if answer.gone:
        return Next("failed", reason="gone")
    if tries >= len(SCHEDULE):
        return Next("failed", reason="attempts_exhausted")
    return Next("pending", now + timedelta(seconds=_wait(tries, answer, now, random)))


def attempt(answer: Answer, began: datetime) -> Attempt:
    """The line of the log."""
    error, detail = answer.error, answer.detail
    if error is None and not answer.delivered:
        error, detail = _refused(answer.status or 0)
    return Attempt(
        time=rfc3339(began),
        status=answer.status,
        latency_ms=answer.latency_ms,
        error=error,
        detail=detail,
        response=_shown(answer.body[:ANSWER_BYTES]) if answer.status is not None else None,
    )


def put_off_seconds(times: int, random: float, longest: float) -> float:
    """How long an attempt waits that could not be made, when that has happened so many times before."""
    return min(2.0 ** min(times, 20), longest / 2) * (1 + random)


def failing_since(since: str | None, failed_at: str | None, now: datetime) -> datetime:
    """Since when an endpoint has done nothing but fail, now that it has failed again."""
    if since is None or failed_at is None or now - parse(failed_at) > _FORGOTTEN_AFTER:
        return now
    return parse(since)


def is_given_up(since: datetime, now: datetime) -> bool:
    return now - since >= GIVEN_UP_AFTER


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """What a Retry-After (seconds, or a date) asks for; 0 where it asks for nothing that can be understood."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(min(int(value.strip()[:12]), LONGEST_WAIT))
    try:
        until = email.utils.parsedate_to_datetime(value)
        seconds = (until - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), float(LONGEST_WAIT))


def _shown(body: bytes) -> str:
    """Without what a terminal would obey, and what takes six times its room in JSON."""
    return body.decode(errors="replace").translate(_UNSEEN)


def _wait(tries: int, answer: Answer, now: datetime, random: float) -> float:
    """Never less than what the receiver asks for."""
    scheduled = SCHEDULE[tries] * (1 + JITTER * random)
    return max(scheduled, retry_after_seconds(answer.retry_after, now))


def _refused(status: int) -> tuple[str, str]:
    if 300 <= status < 400:
        return "redirected", "Redirects are not followed. Register the URL that it leads to."
    if status == _GONE:
        return "gone", "The endpoint was disabled, as 410 asks for. Enable it to be told again."
    return "refused", f"The endpoint answered {status}. It must answer 2xx within {DEADLINE_SECONDS:.0f} s."
