"""The net under the events: once a minute it does again what a lost event should have done."""

from datetime import UTC, datetime

from mediajobs import turns
from mediajobs.errors import NotFound
from mediajobs.jobs import Job
from mediajobs.life import RUNNING
from mediajobs.stores import executions, jobs, pipeline, queue, slots
from mediajobs.times import parse

_QUIET_SECONDS = 60


def sweep() -> list[str]:
    """Admits whoever may be admitted, and looks after running jobs that have been silent. Gives the admitted ids.

    Those who wait are admitted whatever becomes of those that run.
    """
    try:
        turns.those(sorted(slots.running()), _look_at)
    finally:
        admitted = queue.admit_waiting()
    return admitted


def _look_at(job_id: str) -> None:
    try:
        job, progress = jobs.get_with_progress(job_id)
    except NotFound:
        return
    heard = max(job.updated_at, progress.updated_at if progress else "")
    if job.status in RUNNING and (datetime.now(UTC) - parse(heard)).total_seconds() > _QUIET_SECONDS:
        _look_after(job)


def _look_after(job: Job) -> None:
    """An execution that was never begun begins; one that ended without a word ends its job."""
    executions.start(job.job_id, job.attempt, account=job.account, priority=job.priority)
    ended = executions.how_it_ended(job.job_id, job.attempt)
    if ended is not None:
        pipeline.fail(job.job_id, job.attempt, error=ended.error, cause=ended.cause)
