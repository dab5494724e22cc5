"""Jobs that wait for their upload, by the moment at which it surely does not come any more.

They lie in the index of waiting jobs, in a queue of their own.
"""

from datetime import datetime, timedelta

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mediajobs import clock
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.jobs.model import Job
from mediajobs.jobs.tables import DELETED, DeletedRow, JobRow
from mediajobs.storage.upload_plan import upload_deadline
from mediajobs.timestamps import parse, rfc3339

_DELETED = "#deleted"
_LAST_TASK = timedelta(minutes=2)  # it notices within seconds; where Batch has to kill it, within half a minute
_KEPT = timedelta(days=30)  # longer than an event can lie in a stream and in two queues
_MOST_AT_ONCE = 100


def note(transaction: TransactWrite, job_id: str, created_at: str) -> None:
    """Adds to the transaction that deletes a job: its files are looked for again when nothing should come any more."""
    due = max(parse(clock.now()) + _LAST_TASK, upload_deadline(created_at, in_parts=False))  # parts end with the job
    expires = int((due + _KEPT).timestamp())
    transaction.save(DeletedRow(job_id, DELETED, queue=_DELETED, queue_rank=_rank(due, job_id), expires=expires))


def source_arrived_late(job_id: str) -> bool:
    """A source came though its job is not there. Whether it goes: soon, if the job was deleted with its files."""
    due = parse(clock.now()) + _LAST_TASK
    actions: list[Action] = [DeletedRow.queue.set(_DELETED), DeletedRow.queue_rank.set(_rank(due, job_id))]
    return _changed(job_id, actions, DeletedRow.expires.exists())


def due() -> list[tuple[str, str]]:
    """The deleted jobs whose time has come, each with its rank."""
    come = JobRow.queue_rank < clock.now()
    return [(row.job_id, row.queue_rank) for row in JobRow.waiting.query(_DELETED, come, limit=_MOST_AT_ONCE)]


def mark_cleaned(job_id: str, rank: str) -> None:
    """Nothing is left to be done, unless something came meanwhile: then the row has another rank."""
    actions: list[Action] = [DeletedRow.queue.remove(), DeletedRow.queue_rank.remove()]
    _changed(job_id, actions, DeletedRow.queue_rank == rank)


def files_were_deleted(job_id: str) -> bool:
    """Whether the files of a job that is not there any more were deleted with it, a month ago at most."""
    try:
        DeletedRow.get(job_id, DELETED, consistent_read=True)
    except DoesNotExist:
        return False
    return True


def _changed(job_id: str, actions: list[Action], condition: Condition) -> bool:
    return write_if_allowed(lambda: DeletedRow(job_id, DELETED).update(actions, condition=condition))


def _rank(due: datetime, job_id: str) -> str:
    return f"{rfc3339(due)}#{job_id}"


_PENDING = "#pending"
_MOST_PENDING = 100  # of a sweep; the next one goes on


def deadline_of(job: Job) -> tuple[str, str]:
    """The queue of a job that is created pending, and its rank there."""
    dead = upload_deadline(job.created_at, in_parts=job.upload_id is not None)
    return _PENDING, f"{rfc3339(dead)}#{job.job_id}"


def expired_uploads() -> list[str]:
    """The jobs whose time has come."""
    come = JobRow.queue_rank < clock.now()
    return [row.job_id for row in JobRow.waiting.query(_PENDING, come, limit=_MOST_PENDING)]
