"""Admission: whose waiting job may start next."""

import os

from mediajobs.errors import NotFound
from mediajobs.jobs import Job
from mediajobs.life import Status, Verdict, queue_rank, tasks_for
from mediajobs.progress import Progress, carried, fresh
from mediajobs.stores import jobs, progress, rates, slots, waiting
from mediajobs.stores.rows import JobRow

_MOST_AT_ONCE = 100  # a bound on one invocation; the next event or the sweep goes on
_COUNTED_AHEAD = 1000


def admit(account: str) -> list[str]:
    """Starts the account's waiting jobs, by priority and age, while slots are free. Gives the ids that it admitted."""
    waiting.forget(account)  # first: what comes to wait from here on is noted again
    admitted: list[str] = []
    for row in JobRow.waiting.query(account, limit=_MOST_AT_ONCE):
        try:
            if _start(row.job_id):
                admitted.append(row.job_id)
        except slots.Full:
            waiting.note(account)
            return admitted
    if len(admitted) == _MOST_AT_ONCE:
        waiting.note(account)
    return admitted


def admit_all() -> list[str]:
    """The same for every account that may have waiting jobs."""
    return [job_id for account in sorted(waiting.accounts()) for job_id in admit(account)]


def position(job: Job) -> int | None:
    """The job's place in its account's queue, from 1; counting stops at 1,000. None when it does not wait."""
    if job.status is not Status.QUEUED:
        return None
    ahead = JobRow.queue_rank < queue_rank(job.priority, job.job_id)
    return 1 + JobRow.waiting.count(job.account, ahead, limit=_COUNTED_AHEAD)


def _start(job_id: str) -> bool:
    try:
        job = jobs.get(job_id)
        admission = slots.Admission(
            account_limit=int(os.environ["ACCOUNT_CONCURRENCY"]),
            system_limit=int(os.environ["SYSTEM_CONCURRENCY"]),
            progress=_beginning(job),
        )
        outcome = jobs.transition(job_id, Status.PROCESSING, attempt=job.attempt, admission=admission, known=job)
    except NotFound:  # the index lags behind a deletion
        return False
    return outcome.verdict is Verdict.GO


def _beginning(job: Job) -> Progress:
    """Nothing is done, or what a retry need not do again."""
    done = carried(progress.read(job.job_id), job.base_attempt) if job.attempt > job.base_attempt else {}
    return fresh(tasks_for(job.options), attempt=job.attempt, now=jobs.now(), rates=rates.read(), done=done)
