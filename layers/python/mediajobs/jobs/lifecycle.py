"""The life of a job: its statuses, its tasks, and which step may follow which."""

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
    here: frozenset({after, Status.FAILED, Status.CANCELLED}) for here, after in itertools.pairwise(_HAPPY_PATH)
} | {status: frozenset() for status in TERMINAL}
MAX_ATTEMPTS = 5


class Transition(StrEnum):
    """What to do with a wish for a new status."""

    ALLOWED = "go"
    REPEATED = "already"  # a second copy of the wish: nothing to do
    STALE = "stale"  # the wish speaks of another attempt
    ILLEGAL = "illegal"


def check_transition(current: Status, wanted: Status, *, same_attempt: bool = True, retry: bool = False) -> Transition:
    """Whether a job may go from `current` to `wanted`.

    `same_attempt`: the wish is about the job's present attempt. `retry`: the wish is to begin a new attempt; without
    it an ended job never moves again, so that a late copy of an old event cannot revive it.
    """
    if not same_attempt:
        return Transition.STALE
    if retry:
        return Transition.ALLOWED if current in RETRYABLE and wanted is Status.QUEUED else Transition.ILLEGAL
    if current is wanted:
        return Transition.REPEATED
    return Transition.ALLOWED if wanted in _NEXT[current] else Transition.ILLEGAL


def queue_rank(priority: int, job_id: str) -> str:
    """Sorts waiting jobs: the higher priority first, then the older (ULIDs sort by age)."""
    return f"{10 - priority:02d}#{job_id}"
