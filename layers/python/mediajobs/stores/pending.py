"""Jobs that wait for their upload, by the moment at which it surely does not come any more.

They lie in the index of waiting jobs, in a queue of their own.
"""

from datetime import timedelta

from mediajobs.jobs import Job
from mediajobs.stores import clock
from mediajobs.stores.rows import JobRow
from mediajobs.times import parse, rfc3339
from mediajobs.uploads import SECONDS_FOR_PARTS, SECONDS_FOR_SINGLE

_QUEUE = "#pending"
_LAST_UPLOAD = timedelta(hours=1)  # may begin at the last moment, and take a while
_MOST_AT_ONCE = 100  # of a sweep; the next one goes on


def place(job: Job) -> tuple[str, str]:
    """The queue of a job that is created pending, and its rank there."""
    seconds = SECONDS_FOR_PARTS if job.upload_id else SECONDS_FOR_SINGLE
    dead = parse(job.created_at) + timedelta(seconds=seconds) + _LAST_UPLOAD
    return _QUEUE, f"{rfc3339(dead)}#{job.job_id}"


def due() -> list[str]:
    """The jobs whose time has come."""
    come = JobRow.queue_rank < clock.now()
    return [row.job_id for row in JobRow.waiting.query(_QUEUE, come, limit=_MOST_AT_ONCE)]
