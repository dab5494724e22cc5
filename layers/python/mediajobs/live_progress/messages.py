"""What listeners say on their sockets, and what they hear beside frames."""

import json
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from mediajobs.base_model import LazyModel

MAX_IDS = 100  # of one message
MAX_JOBS = 500  # that one connection may listen to by their ids
MAX_MESSAGES = 120  # of one connection in a minute; whoever says more is closed
PONG = b'{"event":"pong","data":{}}'
_LONGEST = 256 * MAX_IDS  # characters
_HOW = (
    'Send {"action": "subscribe", "job_ids": ["…"]}, {"action": "subscribe", "all": true}, '
    '"unsubscribe" with either, or {"action": "ping"}.'
)


class Message(LazyModel):
    """`all` is every job of the account, those to come too."""

    action: Literal["subscribe", "unsubscribe", "ping"]
    job_ids: list[str] = Field(default=[], max_length=MAX_IDS)
    all: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> "Message":
        if self.action != "ping" and not (self.job_ids or self.all):
            raise ValueError("job_ids or all must say which jobs")
        return self


def read(body: str) -> Message | None:
    """None where it makes no sense."""
    if len(body) > _LONGEST:
        return None
    try:
        return Message.model_validate_json(body)
    except ValidationError:
        return None


def bad_message() -> bytes:
    return _error("bad_message", f"This message is not understood. {_HOW}")


def unknown_jobs(job_ids: Iterable[str]) -> bytes:
    """Of jobs that are not there and of those of others alike."""
    return _error("unknown_job", "There are no such jobs of yours. Look for their ids in GET /jobs.", list(job_ids))


def too_many_jobs() -> bytes:
    cure = 'Unsubscribe from some, or listen to {"all": true}.'
    return _error("too_many_jobs", f"A connection listens to at most {MAX_JOBS} jobs by their ids. {cure}")


def too_many_messages() -> bytes:
    cure = "Connect again, and name up to 100 jobs in one message."
    return _error("too_many_messages", f"A connection says at most {MAX_MESSAGES} things a minute. {cure}")


def _error(code: str, message: str, job_ids: list[str] | None = None) -> bytes:
    about = {} if job_ids is None else {"job_ids": job_ids}
    # Not in \u…: what was sent comes back no longer, and fits into what a socket carries.
    return json.dumps(
        {"event": "error", "data": {"error": code, "message": message, **about}}, ensure_ascii=False
    ).encode()
