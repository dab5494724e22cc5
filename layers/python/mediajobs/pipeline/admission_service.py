"""Admission: whose waiting job may start next."""

import random
from typing import NamedTuple

from mediajobs import clock, run_each
from mediajobs.errors import NotFound
from mediajobs.jobs import concurrency_store, job_store, processing_rate_store, progress_store, waiting_account_store
from mediajobs.jobs.lifecycle import Status, Transition, queue_rank
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import Progress, completed_stages, new_progress
from mediajobs.jobs.tables import JobRow
from mediajobs.media.tasks import tasks_for
from mediajobs.settings import setting

_MOST_AT_ONCE = 100  # a bound on one invocation; the next event or the sweep goes on
_COUNTED_AHEAD = 1000


class AdmissionResult(NamedTuple):
    """What came of looking after an account: who was admitted, and why it ended."""

    admitted: list[str]
    found_any: bool = True
    system_is_full: bool = False


def admit(account: str, *, job_id: str | None = None) -> list[str]:
    """Starts the account's waiting jobs, by priority and age, while slots are free. Gives the ids that it admitted.

    `job_id`: one that has just come to wait, and that the index may not show yet.
    """
    return _admit(account, job_id).admitted


def admit_waiting(account: str | None = None, *, job_id: str | None = None) -> list[str]:
    """The same for `account`, on account of an event, and for all that were refused a slot; or, without one, for every
    account that may have waiting jobs.

    In no fixed order: where the whole system is full, nobody is always the first to take a free slot. Raises an
    ExceptionGroup where the admission of some failed; the others had their turn.
    """
    known = waiting_account_store.read()
    accounts = sorted(known.deferred | {account} if account else known.accounts)
    looks: list[AdmissionResult] = []

    def look_after(each: str) -> None:
        if looks and looks[-1].system_is_full:
            return
        looks.append(_admit(each, job_id if each == account else None))
        if account is None and not looks[-1].found_any and each in known.noted:
            waiting_account_store.clear(each, known.noted[each])

    run_each.run_each(random.sample(accounts, len(accounts)), look_after)
    if account and looks and looks[-1].system_is_full:
        waiting_account_store.defer(account)
    return [started for look in looks for started in look.admitted]


def position(job: Job) -> int | None:
    """The job's place in its account's queue, from 1; counting stops at 1,000. None when it does not wait."""
    if job.status is not Status.QUEUED:
        return None
    ahead = JobRow.queue_rank < queue_rank(job.priority, job.job_id)
    return 1 + JobRow.waiting.count(job.account, ahead, limit=_COUNTED_AHEAD)


def _admit(account: str, job_id: str | None) -> AdmissionResult:
    waiting_account_store.undefer(account)  # first: what is refused from here on is deferred again
    try:
        return _admit_in_order(account, job_id)
    except BaseException:  # whatever it was: the next free slot, or the sweep, goes on
        waiting_account_store.defer(account)
        raise


def _admit_in_order(account: str, job_id: str | None) -> AdmissionResult:
    """The same, of an account that is not deferred."""
    candidates = [row.job_id for row in JobRow.waiting.query(account, limit=_MOST_AT_ONCE)]
    full_page = len(candidates) == _MOST_AT_ONCE
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
    if full_page:
        waiting_account_store.defer(account)
    return AdmissionResult(admitted, found_any=bool(candidates))


def _start(job_id: str) -> bool:
    try:
        job = job_store.get(job_id)
        admission = concurrency_store.Admission(
            account_limit=int(setting("ACCOUNT_CONCURRENCY")),
            system_limit=int(setting("SYSTEM_CONCURRENCY")),
            progress=_beginning(job),
        )
        outcome = job_store.transition(job_id, Status.PROCESSING, attempt=job.attempt, admission=admission, known=job)
    except NotFound:  # the index lags behind a deletion
        return False
    return outcome.transition is Transition.ALLOWED


def _beginning(job: Job) -> Progress:
    """Nothing is done, or what a retry need not do again."""
    done = completed_stages(progress_store.read(job.job_id), job.base_attempt) if job.attempt > job.base_attempt else {}
    return new_progress(
        tasks_for(job.options), attempt=job.attempt, now=clock.now(), rates=processing_rate_store.read(), done=done
    )
