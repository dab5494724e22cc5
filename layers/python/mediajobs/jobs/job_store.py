"""The jobs. `transition` is the only code that writes a status."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactGet, TransactWrite

from mediajobs import clock
from mediajobs.aws import backoff
from mediajobs.aws.conditional_writes import condition_failed, lost_race, retry_conflicts, write_if_allowed
from mediajobs.aws.dynamodb import connection
from mediajobs.errors import Conflict, Contention, NotFound, Stopped
from mediajobs.jobs import cleanup_store, concurrency_store, waiting_account_store
from mediajobs.jobs.index_keys import duration_key, keys_of, moving_keys_of
from mediajobs.jobs.lifecycle import RUNNING, TERMINAL, Status, Transition, check_transition, queue_rank
from mediajobs.jobs.model import EarlierAttempt, Job
from mediajobs.jobs.progress import Progress
from mediajobs.jobs.progress_store import as_progress, row_of, stop
from mediajobs.jobs.tables import JOB, PROGRESS, JobRow, ProgressRow
from mediajobs.media.source import SourceFacts

_TRIES = 8  # a lost race is read and judged again; two actors need two tries, a crowd a few more
_TRIES_OF_CREATION = 12  # many creations at once write the one item of their account


class TransitionResult(NamedTuple):
    """What came of a wish: its verdict, and the job as it is now."""

    transition: Transition
    job: Job


def create(job: Job, *, quota: int | None = None) -> None:
    """Stores a new job. `quota`: how many open jobs its account may have, this one included.

    Raises Conflict where the id is taken, QuotaExceeded, Contention.
    """
    row = JobRow(**_attributes(job), **keys_of(job))
    if job.status is Status.QUEUED:
        waiting_account_store.mark(job.account)
        row.queue, row.queue_rank = job.account, queue_rank(job.priority, job.job_id)
    elif job.status is Status.PENDING:
        row.queue, row.queue_rank = cleanup_store.deadline_of(job)
    try:
        retry_conflicts(lambda: _save(row, quota), tries=_TRIES_OF_CREATION)
    except TransactWriteError as error:
        concurrency_store.raise_if_over_quota(error, quota)
        if condition_failed(error):
            raise Conflict(f"There is a job {job.job_id} already.") from error
        raise


def get(job_id: str) -> Job:
    """Raises NotFound."""
    try:
        return as_job(JobRow.get(job_id, JOB, consistent_read=True))
    except DoesNotExist as error:
        raise NotFound("job", job_id) from error


def get_with_progress(job_id: str) -> tuple[Job, Progress | None]:
    """The job and what its tasks reported, as of one moment, in one call. Raises NotFound, Contention."""
    return retry_conflicts(lambda: _both(job_id))  # the progress of a running job is written often


def transition(
    job_id: str,
    wanted: Status,
    *,
    attempt: int | None = None,
    retry: bool = False,
    changes: Mapping[str, Any] | None = None,
    admission: concurrency_store.Admission | None = None,
    known: Job | None = None,
    quota: int | None = None,
) -> TransitionResult:
    """Moves the job to `wanted` if that is legal, exactly once; otherwise changes nothing and says why.

    `attempt`: the attempt that the wish is about; None: whichever runs. `changes`: attributes to set in the same
    write. `admission` goes with `processing`: raises slots.Full when a limit is reached. `known`: the job where it has
    just been read; the write is conditional all the same.
    Raises NotFound, Contention.
    """
    for tried in backoff.attempts(_TRIES):
        job = known if known is not None and not tried else get(job_id)
        verdict = check_transition(job.status, wanted, same_attempt=attempt in (None, job.attempt), retry=retry)
        if verdict is not Transition.ALLOWED:
            return TransitionResult(verdict, job)
        if wanted is Status.QUEUED:
            waiting_account_store.mark(job.account)
        moment, given = clock.now(), dict(changes or {})
        try:
            _commit(job, wanted, moment, given, admission, quota)
        except TransactWriteError as error:
            concurrency_store.raise_if_no_slot(error, admission)
            concurrency_store.raise_if_over_quota(error, quota)
            if not lost_race(error):
                raise
        else:
            return TransitionResult(Transition.ALLOWED, _after(job, wanted, moment, given))
    raise Contention


def record_source(job_id: str, attempt: int, facts: SourceFacts) -> None:
    """Keeps what validation found. Raises Stopped where the attempt is over."""
    actions: list[Action] = [
        JobRow.source.set(facts.model_dump(mode="json")),
        JobRow.duration_seconds.set(facts.duration_seconds),
        JobRow.duration_key.set(duration_key(job_id, facts.duration_seconds)),
    ]
    if not _update(job_id, actions, (JobRow.attempt == attempt) & JobRow.status.is_in(*RUNNING)):
        raise Stopped(f"attempt {attempt} of job {job_id} is over")


def set_priority(job: Job, priority: int) -> Job:
    """Changes the priority, and with it the place of a job that waits. `job`: as it was just read.

    Raises NotFound, Conflict where the job is finished, Contention.
    """
    for _ in backoff.attempts(_TRIES):
        if job.status in TERMINAL:
            raise Conflict(f"This job is {job.status}: only a job that is not finished has a priority to change.")
        moment = clock.now()
        keys = moving_keys_of(job.model_copy(update={"priority": priority, "updated_at": moment}))
        actions: list[Action] = [
            JobRow.priority.set(priority),
            JobRow.updated_at.set(moment),
            JobRow.priority_key.set(keys["priority_key"]),
            JobRow.updated_key.set(keys["updated_key"]),
        ]
        if job.status is Status.QUEUED:
            actions.append(JobRow.queue_rank.set(queue_rank(priority, job.job_id)))
        if _update(job.job_id, actions, JobRow.status == job.status.value):
            return job.model_copy(update={"priority": priority})
        job = get(job.job_id)
    raise Contention


def remove(job: Job, *, with_leftovers: bool) -> bool:
    """Removes a finished job, unless it has changed since it was read: then False. `with_leftovers`: see there."""
    if job.status not in TERMINAL:
        raise ValueError(f"job {job.job_id} is {job.status}")
    try:
        with TransactWrite(connection=connection()) as transaction:
            transaction.delete(JobRow(job.job_id, JOB), condition=_unchanged(job))
            transaction.delete(ProgressRow(job.job_id, PROGRESS))
            if with_leftovers:
                cleanup_store.note(transaction, job.job_id, job.created_at)
    except TransactWriteError as error:
        if not lost_race(error):
            raise
        return False
    return True


def _both(job_id: str) -> tuple[Job, Progress | None]:
    with TransactGet(connection=connection()) as transaction:
        job = transaction.get(JobRow, job_id, JOB)
        progress = transaction.get(ProgressRow, job_id, PROGRESS)
    try:
        found = as_job(job.get())
    except DoesNotExist as error:
        raise NotFound("job", job_id) from error
    try:
        return found, as_progress(progress.get())
    except DoesNotExist:
        return found, None


def _update(job_id: str, actions: list[Action], condition: Condition) -> bool:
    return write_if_allowed(lambda: JobRow(job_id, JOB).update(actions, condition=condition))


def _save(row: JobRow, quota: int | None) -> None:
    """A transaction, also for the row alone: its token makes it harmless to send it again when the answer was lost."""
    with TransactWrite(connection=connection()) as transaction:
        transaction.save(row, condition=JobRow.job_id.does_not_exist())
        if quota is not None:
            concurrency_store.reserve_open_job(transaction, quota, row.account, row.job_id)


def _commit(
    job: Job,
    wanted: Status,
    moment: str,
    changes: dict[str, Any],
    admission: concurrency_store.Admission | None,
    quota: int | None,
) -> None:
    """The one conditional write: the row, and with it whatever must never disagree with the row."""
    values, gone = _change(job, wanted, moment, changes)
    values |= moving_keys_of(_after(job, wanted, moment, changes))
    attributes = JobRow.get_attributes()
    actions: list[Action] = [attributes[name].set(value) for name, value in values.items()]
    actions += [attributes[name].remove() for name in gone]
    with TransactWrite(connection=connection()) as transaction:
        transaction.update(JobRow(job.job_id, JOB), actions, condition=_unchanged(job))
        if wanted is Status.PROCESSING:
            if admission is None:
                raise ValueError("a job is admitted only under limits")
            transaction.save(row_of(job.job_id, admission.progress))
            concurrency_store.reserve_slot(transaction, admission, job.account, job.job_id)
        if job.status in TERMINAL and quota is not None:
            concurrency_store.reserve_open_job(transaction, quota, job.account, job.job_id)
        if wanted in TERMINAL:
            concurrency_store.release_slot(transaction, job.account, job.job_id, ran=job.status in RUNNING)
            if job.status in RUNNING:
                stop(transaction, job.job_id)


def _unchanged(job: Job) -> Condition:
    """Nobody has moved the job, nor given it another priority: the queue's order is made of it."""
    same: Condition = (JobRow.version == job.version) & (JobRow.status == job.status.value)
    same &= JobRow.priority == job.priority
    return same


def _change(job: Job, wanted: Status, moment: str, changes: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Which attributes of the row get a value, and which go."""
    values: dict[str, Any] = {"status": wanted.value, "version": job.version + 1, "updated_at": moment} | changes
    gone: set[str] = set()
    if wanted is Status.QUEUED:
        values |= {"queue": job.account, "queue_rank": queue_rank(job.priority, job.job_id)}
    elif job.status in (Status.PENDING, Status.QUEUED):
        gone |= {"queue", "queue_rank"}
    if wanted is Status.PROCESSING:
        values["started_at"] = moment
    if wanted in TERMINAL:
        values["completed_at"] = moment
    if job.status is Status.PENDING and wanted in TERMINAL:
        gone.add("size_bytes")  # announced, and never stored
    if job.status in TERMINAL:
        ended = EarlierAttempt.model_validate(job.model_dump(include=set(EarlierAttempt.model_fields)))
        values["attempt"] = job.attempt + 1
        values["earlier"] = [attempt.model_dump(mode="json") for attempt in (*job.earlier, ended)]
        gone |= {"error", "completed_at", "started_at"}
    return values, frozenset(gone)


def _after(job: Job, wanted: Status, moment: str, changes: dict[str, Any]) -> Job:
    """The job as the change left it, without another read."""
    values, gone = _change(job, wanted, moment, changes)
    return Job.model_validate(job.model_dump(exclude=set(gone)) | values)


def _attributes(job: Job) -> dict[str, Any]:
    values = job.model_dump(mode="json", exclude_none=True)
    # Nothing in it is nothing to keep, but for what the owner said himself.
    return {name: value for name, value in values.items() if value not in ({}, []) or name == "user_metadata"}


def as_job(row: JobRow) -> Job:
    values = row.attribute_values
    return Job.model_validate({name: value for name, value in values.items() if value is not None})
