"""Deleted jobs whose files may still come: from a task in its last seconds, or by an upload URL that is still good."""

from datetime import timedelta

from pynamodb.transactions import TransactWrite

from mediajobs.stores import clock
from mediajobs.stores.rows import DELETED, DeletedRow, JobRow
from mediajobs.times import parse, rfc3339
from mediajobs.uploads import SECONDS_FOR_SINGLE

_QUEUE = "#deleted"
_LAST_TASK = timedelta(minutes=2)  # it notices within seconds; where Batch has to kill it, within half a minute
_LAST_UPLOAD = timedelta(seconds=SECONDS_FOR_SINGLE, minutes=5)  # one may begin at the last moment
_MOST_AT_ONCE = 100


def note(transaction: TransactWrite, job_id: str, created_at: str) -> None:
    """Adds to the transaction that deletes a job: its files are looked for again when nothing can come any more."""
    due = max(parse(clock.now()) + _LAST_TASK, parse(created_at) + _LAST_UPLOAD)
    transaction.save(DeletedRow(job_id, DELETED, queue=_QUEUE, queue_rank=f"{rfc3339(due)}#{job_id}"))


def due() -> list[str]:
    """The deleted jobs whose time has come."""
    come = JobRow.queue_rank < clock.now()
    return [row.job_id for row in JobRow.waiting.query(_QUEUE, come, limit=_MOST_AT_ONCE)]


def forget(job_id: str) -> None:
    DeletedRow(job_id, DELETED).delete()
