"""The jobs. `transition` is the only code that writes a status."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactGet, TransactWrite

from mediajobs.errors import Conflict, NotFound
from mediajobs.jobs import Job
from mediajobs.life import RUNNING, TERMINAL, Status, Verdict, judge, queue_rank
from mediajobs.progress import Progress
from mediajobs.source import SourceFacts
from mediajobs.stores import slots, waiting
from mediajobs.stores.progress import as_progress, row_of, stop
from mediajobs.stores.rows import JOB, PROGRESS, JobRow, ProgressRow, connection
from mediajobs.times import rfc3339

_TRIES = 8  # a lost race is read and judged again; two actors need two tries, a crowd a few more


class Outcome(NamedTuple):
    """What came of a wish: its verdict, and the job as it is now."""

    verdict: Verdict
    job: Job


def now() -> str:
    return rfc3339(datetime.now(UTC))


def create(job: Job) -> None:
    """Stores a new job. Raises Conflict when the id is taken."""
    row = JobRow(**_attributes(job))
    if job.status is Status.QUEUED:
        waiting.note(job.account)
        row.queue, row.queue_rank = job.account, queue_rank(job.priority, job.job_id)
    try:
        row.save(JobRow.job_id.does_not_exist())
    except PutError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise Conflict(f"There is a job {job.job_id} already.") from error
        raise


def get(job_id: str) -> Job:
    """Raises NotFound."""
    try:
        return _as_job(JobRow.get(job_id, JOB, consistent_read=True))
    except DoesNotExist as error:
        raise NotFound(job_id) from error


def get_with_progress(job_id: str) -> tuple[Job, Progress | None]:
    """The job and what its tasks reported, as of one moment, in one call. Raises NotFound."""
    with TransactGet(connection=connection()) as transaction:
        job = transaction.get(JobRow, job_id, JOB)
        progress = transaction.get(ProgressRow, job_id, PROGRESS)
    try:
        found = _as_job(job.get())
    except DoesNotExist as error:
        raise NotFound(job_id) from error
    try:
        return found, as_progress(progress.get())
    except DoesNotExist:
        return found, None


def transition(
    job_id: str,
    wanted: Status,
    *,
    attempt: int | None = None,
    retry: bool = False,
    changes: Mapping[str, Any] | None = None,
    admission: slots.Admission | None = None,
) -> Outcome:
    """Moves the job to `wanted` if that is legal, exactly once; otherwise changes nothing and says why.

    `attempt`: the attempt that the wish is about; None: whichever runs. `changes`: attributes to set in the same
    write. `admission` goes with `processing`: raises slots.Full when a limit is reached.
    Raises NotFound, and Conflict when others kept changing the job.
    """
    for tried in range(_TRIES):
        job = get(job_id)
        verdict = judge(job.status, wanted, same_attempt=attempt in (None, job.attempt), retry=retry)
        if verdict is not Verdict.GO:
            return Outcome(verdict, job)
        if wanted is Status.QUEUED:
            waiting.note(job.account)
        try:
            _commit(job, wanted, now(), dict(changes or {}), admission)
        except TransactWriteError as error:
            slots.raise_if_full(error, admission)
            if not _lost_race(error):
                raise
            time.sleep(0.01 * 2**tried)
            continue
        return Outcome(Verdict.GO, get(job_id))
    raise Conflict(f"Job {job_id} keeps changing. Try again.")


def record_source(job_id: str, attempt: int, facts: SourceFacts) -> None:
    """Keeps what validation found. Raises pynamodb's UpdateError where the attempt is over."""
    JobRow(job_id, JOB).update(
        [JobRow.source.set(facts.model_dump(mode="json"))],
        condition=(JobRow.attempt == attempt) & JobRow.status.is_in(*RUNNING),
    )


def _commit(job: Job, wanted: Status, moment: str, changes: dict[str, Any], admission: slots.Admission | None) -> None:
    """The one conditional write: the row, and with it whatever must never disagree with the row."""
    unchanged = (JobRow.version == job.version) & (JobRow.status == job.status.value)
    with TransactWrite(connection=connection()) as transaction:
        transaction.update(JobRow(job.job_id, JOB), _actions(job, wanted, moment, changes), condition=unchanged)
        if wanted is Status.PROCESSING:
            if admission is None:
                raise ValueError("a job is admitted only under limits")
            transaction.save(row_of(job.job_id, admission.progress))
            slots.take(transaction, admission, job.account, job.job_id)
        if job.status in RUNNING and wanted in TERMINAL:
            stop(transaction, job.job_id)
            slots.release(transaction, job.account, job.job_id)


def _actions(job: Job, wanted: Status, moment: str, changes: dict[str, Any]) -> list[Action]:
    values: dict[str, Any] = {"status": wanted.value, "version": job.version + 1, "updated_at": moment} | changes
    gone: list[str] = []
    if wanted is Status.QUEUED:
        values |= {"queue": job.account, "queue_rank": queue_rank(job.priority, job.job_id)}
    if job.status is Status.QUEUED:
        gone += ["queue", "queue_rank"]
    if wanted is Status.PROCESSING:
        values["started_at"] = moment
    if wanted in TERMINAL:
        values["completed_at"] = moment
    if job.status in TERMINAL:
        values["attempt"] = job.attempt + 1
        gone += ["error", "completed_at", "started_at"]
    attributes = JobRow.get_attributes()
    actions: list[Action] = [attributes[name].set(value) for name, value in values.items()]
    return actions + [attributes[name].remove() for name in gone]


def _lost_race(error: TransactWriteError) -> bool:
    """Whether somebody else changed the row, or touched one of the items at the same moment."""
    codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
    return bool(codes & {"ConditionalCheckFailed", "TransactionConflict"})


def _attributes(job: Job) -> dict[str, Any]:
    values = job.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in values.items() if value not in ({}, [])}


def _as_job(row: JobRow) -> Job:
    values = row.attribute_values
    return Job.model_validate({name: value for name, value in values.items() if value is not None})
