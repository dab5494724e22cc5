"""Retries of many jobs: a walk over the jobs that had failed or been cancelled at the time of the request.

The walk goes through each status once, the oldest job first, and can be interrupted after any page. It leaves out jobs
that ended after the request, so a walk that is repeated retries no job twice.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from mediajobs import clock
from mediajobs.aws import background_queue
from mediajobs.commands import job_command_service
from mediajobs.commands.schemas import RetriedJobs, RetryJobs
from mediajobs.errors import Conflict, Contention, NotFound, QuotaExceeded, RetryRefused
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.listing import page_query

_PAGE = 25  # jobs between two checks of the time
_CHANGED = "changed_meanwhile"
HasTime = Callable[[], bool]


class Walk(BaseModel):
    """What remains of a walk, as JSON: the first of `statuses` from `position` on, then the other statuses."""

    model_config = ConfigDict(frozen=True)

    account: str
    request: RetryJobs
    requested_at: str
    statuses: tuple[Status, ...]
    position: dict[str, Any] | None = None


class Done(NamedTuple):
    """How many jobs were retried, how many were refused by reason, and the walk that remains."""

    retried: int
    reasons: Counter[str]
    remaining: Walk | None

    @property
    def document(self) -> RetriedJobs:
        refused = self.reasons.total()
        return RetriedJobs(
            matched=self.retried + refused,
            retried=self.retried,
            refused=refused,
            reasons=dict(self.reasons),
            continues=self.remaining is not None,
        )


def new(account: str, request: RetryJobs) -> Walk:
    statuses = tuple(dict.fromkeys(request.filter.status)) or tuple(sorted(RETRYABLE))
    return Walk(account=account, request=request, requested_at=clock.now(), statuses=statuses)


def advance(walk: Walk, has_time: HasTime) -> Done:
    """Retries to the end, or one page and as many more as `has_time()` allows."""
    retried, reasons, remaining, going = 0, Counter[str](), walk, True
    while going:
        page = page_query.page(
            remaining.account,
            replace(remaining.request.filter.filters, statuses=remaining.statuses[:1]),
            descending=False,
            limit=_PAGE,
            position=remaining.position,
        )
        for row in page.rows:
            if row["completed_at"] <= remaining.requested_at:
                reason = _retry(row["job_id"], remaining)
                retried += reason is None
                reasons.update([reason] if reason else [])
        statuses = remaining.statuses if page.next_position else remaining.statuses[1:]
        remaining = remaining.model_copy(update={"position": page.next_position, "statuses": statuses})
        going = bool(statuses) and has_time()
    return Done(retried, reasons, remaining if remaining.statuses else None)


def advance_and_enqueue(walk: Walk, has_time: HasTime) -> Done:
    """The same as `advance`; the walk that remains is handed to the background queue."""
    done = advance(walk, has_time)
    if done.remaining is not None:
        background_queue.enqueue_retry(done.remaining.model_dump(mode="json", by_alias=True))
    return done


def _retry(job_id: str, walk: Walk) -> str | None:
    """Retries a job. Returns the reason of a refusal, else None.

    The job itself is read, because the index may be behind it.
    """
    try:
        job = job_store.get(job_id)
        if job.completed_at is None or job.completed_at > walk.requested_at:
            return _CHANGED
        job_command_service.retry(job, from_start=walk.request.origin == "start")
    except RetryRefused as refusal:
        return refusal.reason
    except QuotaExceeded as refusal:
        return refusal.policy
    except (Conflict, Contention, NotFound):
        return _CHANGED
    return None
