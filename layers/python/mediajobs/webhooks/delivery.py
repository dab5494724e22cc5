"""A delivery, its attempts, and the response of a receiver."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from mediajobs.timestamps import rfc3339

DeliveryStatus = Literal["pending", "delivered", "failed"]
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
RESPONSE_BYTES = 1024  # of a response's body are kept
DEADLINE_SECONDS = 15.0
RETENTION = timedelta(days=30)  # after the last attempt
MAX_ATTEMPTS = 100  # of one delivery, redeliveries included
_GONE = 410
_ADVICE = {  # by the error of a request that got no response
    "bad_url": "Register https://host/path.",
    "forbidden_address": "Register a host that can be reached from everywhere.",
    "timed_out": f"Answer within {DEADLINE_SECONDS:.0f} s, and work later.",
    "tls_failed": "Renew the certificate, or send the whole chain.",
    "name_not_found": "Correct the URL, or the DNS.",
    "connection_failed": "Start the server, and open the port.",
    "malformed_answer": "Register the URL of an HTTP server that answers 2xx with a short body.",
    "broken_off": "Answer 2xx with a short body.",
}
_CONTROL_CHARACTERS = dict.fromkeys({*range(32), 127} - set(map(ord, "\t\n\r")), "\ufffd")


class Attempt(BaseModel):
    """One request. `status` is that of the response, None if none came. `error` is a snake_case name, and `detail` says
    what to do about it. `response` is the first 1 KB of the response's body. Times in UTC."""

    time: str
    status: int | None = None
    latency_ms: int | None = None
    error: str | None = None
    detail: str | None = None
    response: str | None = None


class Delivery(BaseModel):
    """An event that is sent to one endpoint. `reason` says why it failed. `tries` counts the attempts of the present
    run of the schedule, which a redelivery begins anew; `attempts` has those of all runs."""

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
    """The outcome of a request. `error` is None if a complete response came."""

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
        """Whether the receiver answered 410 Gone: it wants no more events."""
        return self.error is None and self.status == _GONE


def attempt_of(outcome: DeliveryResponse, started_at: datetime) -> Attempt:
    """Returns the entry of the delivery log."""
    error, detail = outcome.error, outcome.detail
    if error is None and not outcome.delivered:
        error, detail = _refusal(outcome.status or 0)
    return Attempt(
        time=rfc3339(started_at),
        status=outcome.status,
        latency_ms=outcome.latency_ms,
        error=error,
        detail=detail,
        response=_printable(outcome.body[:RESPONSE_BYTES]) if outcome.status is not None else None,
    )


def no_response_detail(error: str, reason: str) -> str:
    """Returns what to do about a request that got no response. `reason` is a clause."""
    return f"{reason[0].upper()}{reason[1:]}. {_ADVICE[error]}"


def _printable(body: bytes) -> str:
    """Replaces control characters: terminals would interpret them, and JSON needs six characters for each."""
    return body.decode(errors="replace").translate(_CONTROL_CHARACTERS)


def _refusal(status: int) -> tuple[str, str]:
    if 300 <= status < 400:
        return "redirected", "Redirects are not followed. Register the URL that it leads to."
    if status == _GONE:
        return "gone", "The endpoint was disabled, as 410 asks for. Enable it to be told again."
    return "refused", f"The endpoint answered {status}. It must answer 2xx within {DEADLINE_SECONDS:.0f} s."
