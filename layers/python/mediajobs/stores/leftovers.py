"""Deleted jobs whose files may still come: from a task in its last seconds, or by an upload that goes on.

Where a job was deleted with its files, a row tells so for a month. It lies in the index of waiting jobs until the files
have been looked for once more, and again when something comes even later. Where the files were kept there is no row.
"""

from datetime import datetime, timedelta

from pynamodb.exceptions import DoesNotExist, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mediajobs.stores import clock
from mediajobs.stores.rows import DELETED, DeletedRow, JobRow
from mediajobs.times import parse, rfc3339
from mediajobs.uploads import surely_over

_QUEUE = "#deleted"
_LAST_TASK = timedelta(minutes=2)  # it notices within seconds; where Batch has to kill it, within half a minute
_KEPT = timedelta(days=30)  # longer than an event can lie in a stream and in two queues
_MOST_AT_ONCE = 100


def note(transaction: TransactWrite, job_id: str, created_at: str) -> None:
    """Adds to the transaction that deletes a job: its files are looked for again when nothing should come any more."""
    due = max(parse(clock.now()) + _LAST_TASK, surely_over(created_at, in_parts=False))  # parts end with the job
    expires = int((due + _KEPT).timestamp())
    transaction.save(DeletedRow(job_id, DELETED, queue=_QUEUE, queue_rank=_rank(due, job_id), expires=expires))


def came(job_id: str) -> bool:
    """A source came though its job is not there. Whether it goes: soon, if the job was deleted with its files."""
    due = parse(clock.now()) + _LAST_TASK
    actions: list[Action] = [DeletedRow.queue.set(_QUEUE), DeletedRow.queue_rank.set(_rank(due, job_id))]
    return _changed(job_id, actions, DeletedRow.expires.exists())


def due() -> list[tuple[str, str]]:
    """The deleted jobs whose time has come, each with its rank."""
    come = JobRow.queue_rank < clock.now()
    return [(row.job_id, row.queue_rank) for row in JobRow.waiting.query(_QUEUE, come, limit=_MOST_AT_ONCE)]


def looked_for(job_id: str, rank: str) -> None:
    """Nothing is left to be done, unless something came meanwhile: then the row has another rank."""
    actions: list[Action] = [DeletedRow.queue.remove(), DeletedRow.queue_rank.remove()]
    _changed(job_id, actions, DeletedRow.queue_rank == rank)


def are_gone(job_id: str) -> bool:
    """Whether the files of a job that is not there any more were deleted with it, a month ago at most."""
    try:
        DeletedRow.get(job_id, DELETED, consistent_read=True)
    except DoesNotExist:
        return False
    return True


def _changed(job_id: str, actions: list[Action], condition: Condition) -> bool:
    try:
        DeletedRow(job_id, DELETED).update(actions, condition=condition)
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _rank(due: datetime, job_id: str) -> str:
    return f"{rfc3339(due)}#{job_id}"
