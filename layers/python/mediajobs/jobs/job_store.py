"""The rows of the jobs: creation, reads, the source's facts, the priority, and deletion.

The status is not written here, after the creation: see `mediajobs.jobs.transition_store`.
"""

from collections.abc import Sequence

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
from mediajobs.jobs.lifecycle import RUNNING, TERMINAL, Status, queue_rank
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import Progress
from mediajobs.jobs.progress_store import as_progress
from mediajobs.jobs.tables import JOB, PROGRESS, JobRow, ProgressRow
from mediajobs.media.manifests import JobWarning
from mediajobs.media.source import SourceFacts

_TRIES = 8  # after a lost race the job is read and checked again; two writers need two tries, many a few more
_TRIES_OF_CREATION = 12  # many simultaneous creations write the one item of their account


def create(job: Job, *, quota: int | None = None) -> None:
    """Stores a new job. `quota`: how many open jobs its account may have, this one included.

    Raises Conflict where the id is taken, QuotaExceeded, Contention.
    """
    row = row_of(job)
    if job.status is Status.QUEUED:
        waiting_account_store.mark(job.account)
        row.queue, row.queue_rank = job.account, queue_rank(job.priority, job.job_id)
    elif job.status is Status.PENDING:
        row.queue, row.queue_rank = cleanup_store.upload_queue_entry(job)
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
    """The job and what its tasks reported, as of the same moment, in one call. Raises NotFound, Contention."""
    return retry_conflicts(lambda: _read_both(job_id))  # the progress of a running job is written often


def record_source(job_id: str, attempt: int, facts: SourceFacts, warnings: Sequence[JobWarning] = ()) -> None:
    """Stores what validation found out about the source. Raises Stopped where the attempt is over."""
    actions: list[Action] = [
        JobRow.source.set(facts.model_dump(mode="json")),
        JobRow.duration_seconds.set(facts.duration_seconds),
        JobRow.duration_key.set(duration_key(job_id, facts.duration_seconds)),
        JobRow.warnings.set([warning.model_dump() for warning in warnings]),
    ]
    if not _update(job_id, actions, (JobRow.attempt == attempt) & JobRow.status.is_in(*RUNNING)):
        raise Stopped(f"attempt {attempt} of job {job_id} is over")


def set_priority(job: Job, priority: int) -> Job:
    """Changes the priority, and with it the position of a queued job. `job`: as the caller has just read it.

    Raises NotFound, Conflict where the job is finished, Contention.
    """
    for _ in backoff.attempts(_TRIES):
        if job.status in TERMINAL:
            raise Conflict(f"This job is {job.status}: only a job that is not finished has a priority to change.")
        if _update(job.job_id, _priority_actions(job, priority, clock.now()), JobRow.status == job.status.value):
            return job.model_copy(update={"priority": priority})
        job = get(job.job_id)
    raise Contention


def remove(job: Job, *, schedule_cleanup: bool) -> bool:
    """Removes the rows of a finished job. False where the job has changed since it was read: then nothing is removed.

    `schedule_cleanup`: the files are deleted once more later, see `cleanup_store.schedule_cleanup`.
    """
    if job.status not in TERMINAL:
        raise ValueError(f"job {job.job_id} is {job.status}")
    try:
        with TransactWrite(connection=connection()) as transaction:
            transaction.delete(JobRow(job.job_id, JOB), condition=unchanged(job))
            transaction.delete(ProgressRow(job.job_id, PROGRESS))
            if schedule_cleanup:
                cleanup_store.schedule_cleanup(transaction, job.job_id, job.created_at)
    except TransactWriteError as error:
        if not lost_race(error):
            raise
        return False
    return True


def unchanged(job: Job) -> Condition:
    """The condition that nobody has changed the status or the priority, which the queue rank is made of."""
    same: Condition = (JobRow.version == job.version) & (JobRow.status == job.status.value)
    same &= JobRow.priority == job.priority
    return same


def as_job(row: JobRow) -> Job:
    values = row.attribute_values
    return Job.model_validate({name: value for name, value in values.items() if value is not None})


def row_of(job: Job) -> JobRow:
    """The row of a new job, with the keys of the lists and without those of a queue."""
    values = job.model_dump(mode="json", exclude_none=True)
    # Empty values are left out, except metadata: an empty object there is what the owner sent.
    stored = {name: value for name, value in values.items() if value not in ({}, []) or name == "user_metadata"}
    return JobRow(**stored, **keys_of(job))


def _read_both(job_id: str) -> tuple[Job, Progress | None]:
    with TransactGet(connection=connection()) as transaction:
        row = transaction.get(JobRow, job_id, JOB)
        progress = transaction.get(ProgressRow, job_id, PROGRESS)
    try:
        job = as_job(row.get())
    except DoesNotExist as error:
        raise NotFound("job", job_id) from error
    try:
        return job, as_progress(progress.get())
    except DoesNotExist:
        return job, None


def _save(row: JobRow, quota: int | None) -> None:
    """Writes a new row. A transaction also without a quota: its token makes a repeated request idempotent."""
    with TransactWrite(connection=connection()) as transaction:
        transaction.save(row, condition=JobRow.job_id.does_not_exist())
        if quota is not None:
            concurrency_store.reserve_open_job(transaction, quota, row.account, row.job_id)


def _priority_actions(job: Job, priority: int, now: str) -> list[Action]:
    keys = moving_keys_of(job.model_copy(update={"priority": priority, "updated_at": now}))
    actions: list[Action] = [
        JobRow.priority.set(priority),
        JobRow.updated_at.set(now),
        JobRow.priority_key.set(keys["priority_key"]),
        JobRow.updated_key.set(keys["updated_key"]),
    ]
    if job.status is Status.QUEUED:
        actions.append(JobRow.queue_rank.set(queue_rank(priority, job.job_id)))
    return actions


def _update(job_id: str, actions: list[Action], condition: Condition) -> bool:
    return write_if_allowed(lambda: JobRow(job_id, JOB).update(actions, condition=condition))
