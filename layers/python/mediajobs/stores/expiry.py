"""The end of jobs whose upload never came."""

from mediajobs import turns
from mediajobs.errors import Conflict, NotFound
from mediajobs.jobs import source_key
from mediajobs.life import Status, Verdict
from mediajobs.progress import Failure
from mediajobs.stores import jobs, pending, uploads
from mediajobs.stores.objects import source_size

_NEVER_CAME = Failure(
    code="upload_expired",
    message="The source was not uploaded while its upload URL was good. Create the job anew, and upload it there.",
)


def expire() -> list[str]:
    """Ends those whose upload URL is dead, a hundred at most. Gives their ids."""
    return turns.those(pending.due(), _expire)


def _expire(job_id: str) -> bool:
    try:
        job = jobs.get(job_id)
        if job.status is not Status.PENDING:  # the index lags behind
            return False
        size = source_size(job_id)
        if size is not None:  # it came, and its event was lost
            jobs.transition(job_id, Status.QUEUED, attempt=job.attempt, changes={"size_bytes": size}, known=job)
            return False
        error = {"error": _NEVER_CAME.model_dump()}
        outcome = jobs.transition(job_id, Status.FAILED, attempt=job.attempt, changes=error, known=job)
    except (Conflict, NotFound):  # somebody does something with it just now
        return False
    if outcome.verdict is Verdict.GO and job.upload_id is not None:
        uploads.abort(source_key(job_id), job.upload_id)
    return outcome.verdict is Verdict.GO
