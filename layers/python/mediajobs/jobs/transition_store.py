"""The status of a job. `transition` is the only code that writes it.

A change of status is one conditional transaction of the job's row and of all items that must agree with it: the slots
of its account and of the system, the account's open jobs, and the progress.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mediajobs import clock
from mediajobs.aws import backoff
from mediajobs.aws.conditional_writes import lost_race
from mediajobs.aws.dynamodb import connection
from mediajobs.errors import Contention
from mediajobs.jobs import concurrency_store, job_store, minutes_store, progress_store, waiting_account_store
from mediajobs.jobs.index_keys import moving_keys_of
from mediajobs.jobs.lifecycle import RUNNING, TERMINAL, Status, Transition, check_transition, queue_rank
from mediajobs.jobs.model import EarlierAttempt, Job
from mediajobs.jobs.tables import JOB, JobRow

_TRIES = 8  # after a lost race the job is read and checked again; two writers need two tries, many a few more


class TransitionResult(NamedTuple):
    """What became of a request for a status, and the job as it is now."""

    transition: Transition
    job: Job


class _Limits(NamedTuple):
    """The limits of a change; None where it has none of that kind."""

    admission: concurrency_store.Admission | None
    quota: int | None
    charge: minutes_store.Charge | None


def transition(
    job_id: str,
    target: Status,
    *,
    attempt: int | None = None,
    retry: bool = False,
    changes: Mapping[str, Any] | None = None,
    admission: concurrency_store.Admission | None = None,
    current: Job | None = None,
    quota: int | None = None,
    charge: minutes_store.Charge | None = None,
) -> TransitionResult:
    """Moves the job to `target` if the lifecycle allows it, exactly once; otherwise changes nothing and says why.

    `attempt`: the attempt that the request is about; None: the present one. `retry`: begins a new attempt. `changes`:
    attributes to set in the same write, or with None to remove. `admission`: the limits, for `processing` alone; raises
    NoFreeSlot where one is reached. `current`: the job, where the caller has just read it; the write is conditional all
    the same. `quota`: how many open jobs the account may have, for a retry; raises QuotaExceeded where it is used up.
    `charge`: the minutes of the attempt, for `transcoding` alone; raises QuotaExceeded where they are used up.
    Raises NotFound, Contention.
    """
    limits = _Limits(admission, quota, charge)
    for number in backoff.attempts(_TRIES):
        job = current if current is not None and not number else job_store.get(job_id)
        answer = check_transition(job.status, target, same_attempt=attempt in (None, job.attempt), retry=retry)
        if answer is not Transition.ALLOWED:
            return TransitionResult(answer, job)
        if target is Status.QUEUED:
            waiting_account_store.mark(job.account)
        values, removed = _row_change(job, target, clock.now(), changes or {})
        after = Job.model_validate(job.model_dump(exclude=removed) | values)
        if _try_commit(job, target, _actions(values | moving_keys_of(after), removed), limits):
            return TransitionResult(Transition.ALLOWED, after)
    raise Contention


def _row_change(job: Job, target: Status, now: str, changes: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """(values, removed): which attributes of the row are set, and which are removed."""
    removed = {name for name, value in changes.items() if value is None}
    values: dict[str, Any] = {"status": target.value, "version": job.version + 1, "updated_at": now, **changes}
    values = {name: value for name, value in values.items() if name not in removed}
    if target is Status.QUEUED:
        values |= {"queue": job.account, "queue_rank": queue_rank(job.priority, job.job_id)}
    elif job.status in (Status.PENDING, Status.QUEUED):
        removed |= {"queue", "queue_rank"}
    if target is Status.PROCESSING:
        values["started_at"] = now
    if target in TERMINAL:
        values["completed_at"] = now
    if job.status is Status.PENDING and target in TERMINAL:
        removed.add("size_bytes")  # the announced size of a source that was never stored
    if job.status in TERMINAL:
        values |= {"attempt": job.attempt + 1, "earlier": _earlier_attempts(job)}
        removed |= {"error", "completed_at", "started_at"}
    return values, removed


def _earlier_attempts(job: Job) -> list[dict[str, Any]]:
    """The earlier attempts of a job that begins a new one, the present attempt included."""
    ended = EarlierAttempt.model_validate(job.model_dump(include=set(EarlierAttempt.model_fields)))
    return [attempt.model_dump(mode="json") for attempt in (*job.earlier, ended)]


def _actions(values: Mapping[str, Any], removed: set[str]) -> list[Action]:
    attributes = JobRow.get_attributes()
    actions: list[Action] = [attributes[name].set(value) for name, value in values.items()]
    return actions + [attributes[name].remove() for name in removed]


def _try_commit(job: Job, target: Status, actions: list[Action], limits: _Limits) -> bool:
    """False where another writer was first. Raises NoFreeSlot, QuotaExceeded."""
    try:
        _commit(job, target, actions, limits)
    except TransactWriteError as error:
        concurrency_store.raise_if_no_slot(error, limits.admission)
        concurrency_store.raise_if_over_quota(error, limits.quota)
        minutes_store.raise_if_used_up(error, limits.charge)
        if not lost_race(error):
            raise
        return False
    return True


def _commit(job: Job, target: Status, actions: list[Action], limits: _Limits) -> None:
    """Writes the row, and with it everything that must agree with it, in one transaction."""
    with TransactWrite(connection=connection()) as transaction:
        transaction.update(JobRow(job.job_id, JOB), actions, condition=job_store.unchanged(job))
        if target is Status.PROCESSING:
            if limits.admission is None:
                raise ValueError("a job is admitted only under limits")
            transaction.save(progress_store.row_of(job.job_id, limits.admission.progress))
            concurrency_store.reserve_slot(transaction, limits.admission, job.account, job.job_id)
        if target is Status.TRANSCODING and limits.charge is not None:
            minutes_store.add(transaction, job.account, limits.charge)
        if job.status in TERMINAL and limits.quota is not None:
            concurrency_store.reserve_open_job(transaction, limits.quota, job.account, job.job_id)
        if target in TERMINAL:
            concurrency_store.release_slot(transaction, job.account, job.job_id, ran=job.status in RUNNING)
            if job.status in RUNNING:
                progress_store.stop(transaction, job.job_id)
