"""Admission: starts queued jobs while the concurrency limits of their account and of the system allow it."""

import random
from typing import NamedTuple

from mediajobs import clock, run_each
from mediajobs.errors import NotFound
from mediajobs.jobs import (
    concurrency_store,
    job_store,
    processing_rate_store,
    progress_store,
    transition_store,
    waiting_account_store,
)
from mediajobs.jobs.lifecycle import Status, Transition, queue_rank
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import Progress, completed_stages, new_progress
from mediajobs.jobs.tables import JobRow
from mediajobs.media.tasks import tasks_for
from mediajobs.settings import setting

_MAX_CANDIDATES = 100  # of an account in one invocation; the next event or the sweep continues
_MAX_POSITION = 1000


class AdmissionResult(NamedTuple):
    """The jobs of one account that were admitted, and why the admission ended."""

    admitted: list[str]
    found_any: bool = True
    system_is_full: bool = False


def admit(account: str, *, job_id: str | None = None) -> list[str]:
    """Starts the account's queued jobs, by priority and age, while slots are free. Returns the ids of those it started.

    `job_id`: one that has just been queued, and that the index may not show yet.
    """
    return _admit(account, job_id).admitted


def admit_waiting(account: str | None = None, *, job_id: str | None = None) -> list[str]:
    """Does the same for several accounts, and returns the ids of all jobs that it started.

    With `account` (an event was about it): for that account, and for all that wait for a slot. Without: for every
    account that may have queued jobs. The order is random: where the whole system is full, no account is always the
    first to get a free slot. Raises an ExceptionGroup at the end where the admission of some accounts failed.
    """
    waiting = waiting_account_store.read()
    accounts = sorted(waiting.deferred | {account} if account else waiting.accounts)
    results: list[AdmissionResult] = []

    def admit_one(name: str) -> None:
        if results and results[-1].system_is_full:
            return
        result = _admit(name, job_id if name == account else None)
        results.append(result)
        if account is None and not result.found_any and name in waiting.marked:
            waiting_account_store.clear(name, waiting.marked[name])

    run_each.run_each(random.sample(accounts, len(accounts)), admit_one)
    if account and results and results[-1].system_is_full:
        waiting_account_store.defer(account)
    return [started for result in results for started in result.admitted]


def position(job: Job) -> int | None:
    """The job's position in its account's queue, from 1; counting stops at 1,000. None where it is not queued."""
    if job.status is not Status.QUEUED:
        return None
    ahead = JobRow.queue_rank < queue_rank(job.priority, job.job_id)
    return 1 + JobRow.waiting.count(job.account, ahead, limit=_MAX_POSITION)


def _admit(account: str, job_id: str | None) -> AdmissionResult:
    waiting_account_store.undefer(account)  # first: if a limit is met from here on, the account is deferred again
    try:
        return _admit_in_order(account, job_id)
    except BaseException:  # whatever it was: the account is tried again at the next free slot, or by the sweep
        waiting_account_store.defer(account)
        raise


def _admit_in_order(account: str, job_id: str | None) -> AdmissionResult:
    """Starts the jobs of an account that is not deferred. Defers it where a limit is met, or where more jobs wait."""
    candidates = [row.job_id for row in JobRow.waiting.query(account, limit=_MAX_CANDIDATES)]
    may_have_more = len(candidates) == _MAX_CANDIDATES
    if job_id is not None and job_id not in candidates:
        candidates.append(job_id)
    admitted: list[str] = []
    for candidate in candidates:
        try:
            if _start(candidate):
                admitted.append(candidate)
        except concurrency_store.NoFreeSlot as full:
            waiting_account_store.defer(account)
            return AdmissionResult(admitted, system_is_full=full.scope == "system")
    if may_have_more:
        waiting_account_store.defer(account)
    return AdmissionResult(admitted, found_any=bool(candidates))


def _start(job_id: str) -> bool:
    """Moves the job to `processing`. False where it is not queued any more. Raises NoFreeSlot."""
    try:
        job = job_store.get(job_id)
        admission = concurrency_store.Admission(
            account_limit=int(setting("ACCOUNT_CONCURRENCY")),
            system_limit=int(setting("SYSTEM_CONCURRENCY")),
            progress=_first_progress(job),
        )
        result = transition_store.transition(
            job_id, Status.PROCESSING, attempt=job.attempt, admission=admission, current=job
        )
    except NotFound:  # the index lags behind a deletion
        return False
    return result.transition is Transition.ALLOWED


def _first_progress(job: Job) -> Progress:
    """The progress of the attempt that begins: nothing is done, except what a retry need not do again."""
    done = completed_stages(progress_store.read(job.job_id), job.base_attempt) if job.attempt > job.base_attempt else {}
    return new_progress(
        tasks_for(job.options), attempt=job.attempt, now=clock.now(), rates=processing_rate_store.read(), done=done
    )
