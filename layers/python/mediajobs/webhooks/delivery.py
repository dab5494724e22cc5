"""A delivery and its attempts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from mediajobs.timestamps import rfc3339

DeliveryStatus = Literal["pending", "delivered", "failed"]
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
RESPONSE_BYTES = 1024  # of an answer are kept
DEADLINE_SECONDS = 15.0
RETENTION = timedelta(days=30)  # after the last attempt
MAX_ATTEMPTS = 100  # of one delivery, with those that were asked for by hand
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
class DeliveryResponse:
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


def attempt_of(answer: DeliveryResponse, began: datetime) -> Attempt:
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
        response=_shown(answer.body[:RESPONSE_BYTES]) if answer.status is not None else None,
    )


def _shown(body: bytes) -> str:
    """Without what a terminal would obey, and what takes six times its room in JSON."""
    return body.decode(errors="replace").translate(_UNSEEN)


def _refused(status: int) -> tuple[str, str]:
    if 300 <= status < 400:
        return "redirected", "Redirects are not followed. Register the URL that it leads to."
    if status == _GONE:
        return "gone", "The endpoint was disabled, as 410 asks for. Enable it to be told again."
    return "refused", f"The endpoint answered {status}. It must answer 2xx within {DEADLINE_SECONDS:.0f} s."
