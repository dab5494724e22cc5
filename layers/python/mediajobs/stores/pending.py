"""Jobs that wait for their upload, by the moment at which it surely does not come any more.

They lie in the index of waiting jobs, in a queue of their own.
"""

from mediajobs.jobs import Job
from mediajobs.stores import clock
from mediajobs.stores.rows import JobRow
from mediajobs.times import rfc3339
from mediajobs.uploads import surely_over

_QUEUE = "#pending"
_MOST_AT_ONCE = 100  # of a sweep; the next one goes on


def place(job: Job) -> tuple[str, str]:
    """The queue of a job that is created pending, and its rank there."""
    dead = surely_over(job.created_at, in_parts=job.upload_id is not None)
    return _QUEUE, f"{rfc3339(dead)}#{job.job_id}"


def due() -> list[str]:
    """The jobs whose time has come."""
    come = JobRow.queue_rank < clock.now()
    return [row.job_id for row in JobRow.waiting.query(_QUEUE, come, limit=_MOST_AT_ONCE)]
