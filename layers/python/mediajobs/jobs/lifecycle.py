"""The lifecycle of a job: its statuses, and which status may follow which."""

import itertools
from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    TRANSCODING = "transcoding"
    UPLOADING = "uploading"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNNING = frozenset({Status.PROCESSING, Status.TRANSCODING, Status.UPLOADING})
TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
RETRYABLE = frozenset({Status.FAILED, Status.CANCELLED})
_HAPPY_PATH = (
    Status.PENDING,
    Status.QUEUED,
    Status.PROCESSING,
    Status.TRANSCODING,
    Status.UPLOADING,
    Status.COMPLETED,
)
_NEXT: dict[Status, frozenset[Status]] = {
    status: frozenset({following, Status.FAILED, Status.CANCELLED})
    for status, following in itertools.pairwise(_HAPPY_PATH)
} | {status: frozenset() for status in TERMINAL}
MAX_ATTEMPTS = 5


class Transition(StrEnum):
    """The answer to a request for a new status."""

    ALLOWED = "allowed"
    REPEATED = "repeated"  # the job has the status already: a copy of an earlier request, and nothing to do
    STALE = "stale"  # the request is about another attempt
    ILLEGAL = "illegal"


def check_transition(current: Status, target: Status, *, same_attempt: bool = True, retry: bool = False) -> Transition:
    """Whether a job may go from `current` to `target`.

    `same_attempt`: the request is about the job's present attempt. `retry`: the request is to begin a new attempt.
    Without it a job in a terminal status never moves again, so that a late copy of an old event cannot revive it.
    """
    if not same_attempt:
        return Transition.STALE
    if retry:
        return Transition.ALLOWED if current in RETRYABLE and target is Status.QUEUED else Transition.ILLEGAL
    if current is target:
        return Transition.REPEATED
    return Transition.ALLOWED if target in _NEXT[current] else Transition.ILLEGAL


def queue_rank(priority: int, job_id: str) -> str:
    """The sort key of a queued job: the higher priority first, then the older job (ULIDs sort by age)."""
    return f"{10 - priority:02d}#{job_id}"
