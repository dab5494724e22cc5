"""The messages that clients send on a WebSocket, and the replies to them. Frames have the states of jobs."""

import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from mediajobs.api.size_limits import AtMost
from mediajobs.base_model import LazyModel

MAX_IDS = 100  # in one message
MAX_ID_LENGTH = 64
MAX_JOBS = 500  # that one connection may subscribe to by id
MAX_MESSAGES = 120  # of one connection in a minute; one that sends more is closed
PONG = b'{"event":"pong","data":{}}'
_MAX_LENGTH = 256 * MAX_IDS  # characters
_USAGE = (
    'Send {"action": "subscribe", "job_ids": ["…"]}, {"action": "subscribe", "all": true}, '
    '"unsubscribe" with either, or {"action": "ping"}.'
)


class Message(LazyModel):
    """A message of a client. `all` stands for every job of the account, future ones too."""

    action: Literal["subscribe", "unsubscribe", "ping"]
    job_ids: Annotated[list[Annotated[str, Field(max_length=MAX_ID_LENGTH)]], AtMost(MAX_IDS)] = []
    all: bool = False

    @model_validator(mode="after")
    def _names_jobs(self) -> "Message":
        if self.action != "ping" and not (self.job_ids or self.all):
            raise ValueError("job_ids or all must say which jobs")
        return self


def read(body: str) -> Message | None:
    """Parses a message. Returns None if it is not valid."""
    if len(body) > _MAX_LENGTH:
        return None
    try:
        return Message.model_validate_json(body)
    except ValidationError:
        return None


def bad_message() -> bytes:
    return _error("bad_message", f"This message is not understood. {_USAGE}")


def unknown_jobs(job_ids: Iterable[str]) -> bytes:
    """Returns the reply for ids that do not exist or are another account's: a client cannot tell which."""
    return _error("unknown_job", "There are no such jobs of yours. Look for their ids in GET /jobs.", list(job_ids))


def too_many_jobs() -> bytes:
    cure = 'Unsubscribe from some, or listen to {"all": true}.'
    return _error("too_many_jobs", f"A connection listens to at most {MAX_JOBS} jobs by their ids. {cure}")


def too_many_messages() -> bytes:
    cure = "Connect again, and name up to 100 jobs in one message."
    return _error("too_many_messages", f"A connection says at most {MAX_MESSAGES} things a minute. {cure}")


def _error(code: str, message: str, job_ids: list[str] | None = None) -> bytes:
    data = {"error": code, "message": message} | ({} if job_ids is None else {"job_ids": job_ids})
    # No \u escapes: so the ids are no longer than in the request, and the reply fits into a WebSocket frame.
    return json.dumps({"event": "error", "data": data}, ensure_ascii=False).encode()
