"""Retries of many: a walk over what had failed or been cancelled when it was asked for.

It goes through each status once, the oldest job first, and can be put down after any page. What ended later than the
question is not meant, so a walk that is done twice retries nothing twice.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from mediajobs import clock
from mediajobs.aws import background_queue
from mediajobs.commands import service
from mediajobs.commands.schemas import RetriedJobs, RetryJobs
from mediajobs.errors import Conflict, Contention, NotFound, QuotaExceeded, RetryRefused
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.listing import page_query

_PAGE = 25  # jobs between two looks at the time
_QUICKER = "changed_meanwhile"
HasTime = Callable[[], bool]


class Walk(BaseModel):
    """What is left, as JSON: the first of `statuses` from `place` on, then the others."""

    model_config = ConfigDict(frozen=True)

    account: str
    wanted: RetryJobs
    asked_at: str
    statuses: tuple[Status, ...]
    position: dict[str, Any] | None = None


class Done(NamedTuple):
    """How many were retried, how many refused for which reason, and the walk that is left."""

    retried: int
    reasons: Counter[str]
    left: Walk | None

    @property
    def document(self) -> RetriedJobs:
        refused = self.reasons.total()
        return RetriedJobs(
            matched=self.retried + refused,
            retried=self.retried,
            refused=refused,
            reasons=dict(self.reasons),
            continues=self.left is not None,
        )


def new(account: str, wanted: RetryJobs) -> Walk:
    statuses = tuple(dict.fromkeys(wanted.filter.status)) or tuple(sorted(RETRYABLE))
    return Walk(account=account, wanted=wanted, asked_at=clock.now(), statuses=statuses)


def advance(walk: Walk, in_time: HasTime) -> Done:
    """Retries to the end, or a page and as many more as `in_time()` allows."""
    retried, reasons, left, going = 0, Counter[str](), walk, True
    while going:
        page = page_query.page(
            left.account,
            replace(left.wanted.filter.filters, statuses=left.statuses[:1]),
            descending=False,
            limit=_PAGE,
            place=left.position,
        )
        for row in page.rows:
            if row["completed_at"] <= left.asked_at:
                reason = _retry(row["job_id"], left)
                retried += reason is None
                reasons.update([reason] if reason else [])
        statuses = left.statuses if page.next_position else left.statuses[1:]
        left = left.model_copy(update={"position": page.next_position, "statuses": statuses})
        going = bool(statuses) and in_time()
    return Done(retried, reasons, left if left.statuses else None)


def advance_and_enqueue(walk: Walk, in_time: HasTime) -> Done:
    """The same as `advance`; what is left is handed to the background queue."""
    done = advance(walk, in_time)
    if done.left is not None:
        background_queue.enqueue_retry(done.left.model_dump(mode="json", by_alias=True))
    return done


def _retry(job_id: str, walk: Walk) -> str | None:
    """Why not, or None where it is done. The index may be a moment behind: the job itself is asked."""
    try:
        job = job_store.get(job_id)
        if job.completed_at is None or job.completed_at > walk.asked_at:
            return _QUICKER
        service.retry(job, from_start=walk.wanted.origin == "start")
    except RetryRefused as refusal:
        return refusal.reason
    except QuotaExceeded as refusal:
        return refusal.policy
    except (Conflict, Contention, NotFound):
        return _QUICKER
    return None
