"""What has to be cleaned up later: uploads that never came, and files that appear after their job was deleted.

Both are entries of the index of waiting jobs, each kind in a queue of its own, sorted by the time at which it is due.
A sweep takes what is due: `mediajobs.pipeline.sweep_service` the uploads, `mediajobs.commands.job_command_service`
the files.
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
from mediajobs.timestamps import parse_rfc3339, rfc3339

_PENDING = "#pending"
_DELETED = "#deleted"
# A task notices within seconds that its job is deleted; where Batch has to kill it, it ends within half a minute.
_TASK_SHUTDOWN = timedelta(minutes=2)
_RETENTION = timedelta(days=30)  # longer than an event can lie in a stream and in two queues
_MAX_DUE = 100  # of each kind in a sweep; the next one continues


def upload_queue_entry(job: Job) -> tuple[str, str]:
    """(queue, rank) of a job that is created pending: it is due when its upload cannot come any more."""
    deadline = upload_deadline(job.created_at, in_parts=job.upload_id is not None)
    return _PENDING, _rank(deadline, job.job_id)


def expired_uploads() -> list[str]:
    """The ids of pending jobs whose upload cannot come any more."""
    return [job_id for job_id, _ in _due(_PENDING)]


def schedule_cleanup(transaction: TransactWrite, job_id: str, created_at: str) -> None:
    """Adds to the transaction that deletes a job: its files are deleted once more when none should come any more.

    That is after its tasks have ended and its upload URL is dead. An upload in parts ends with the job.
    """
    due = max(parse_rfc3339(clock.now()) + _TASK_SHUTDOWN, upload_deadline(created_at, in_parts=False))
    expires = int((due + _RETENTION).timestamp())
    transaction.save(DeletedRow(job_id, DELETED, queue=_DELETED, queue_rank=_rank(due, job_id), expires=expires))


def source_arrived_late(job_id: str) -> bool:
    """Handles a source whose job does not exist: schedules its deletion if the job was deleted with its files.

    Returns whether the source will be deleted.
    """
    due = parse_rfc3339(clock.now()) + _TASK_SHUTDOWN
    actions: list[Action] = [DeletedRow.queue.set(_DELETED), DeletedRow.queue_rank.set(_rank(due, job_id))]
    return _update(job_id, actions, DeletedRow.expires.exists())


def due_cleanups() -> list[tuple[str, str]]:
    """(id, rank) of the deleted jobs whose files are due to be deleted once more."""
    return _due(_DELETED)


def mark_cleaned(job_id: str, rank: str) -> None:
    """Ends a cleanup. Changes nothing where a source arrived meanwhile: then the row has another rank."""
    actions: list[Action] = [DeletedRow.queue.remove(), DeletedRow.queue_rank.remove()]
    _update(job_id, actions, DeletedRow.queue_rank == rank)


def files_were_deleted(job_id: str) -> bool:
    """Whether the files of a deleted job were deleted with it. Known for about a month after the deletion."""
    try:
        DeletedRow.get(job_id, DELETED, consistent_read=True)
    except DoesNotExist:
        return False
    return True


def _due(queue: str) -> list[tuple[str, str]]:
    """(id, rank) of what is due in a queue, the earliest first."""
    is_due = JobRow.queue_rank < clock.now()
    return [(row.job_id, row.queue_rank) for row in JobRow.waiting.query(queue, is_due, limit=_MAX_DUE)]


def _update(job_id: str, actions: list[Action], condition: Condition) -> bool:
    return write_if_allowed(lambda: DeletedRow(job_id, DELETED).update(actions, condition=condition))


def _rank(due: datetime, job_id: str) -> str:
    return f"{rfc3339(due)}#{job_id}"
