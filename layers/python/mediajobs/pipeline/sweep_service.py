"""What runs once a minute, because any event may be lost.

`sweep` admits queued jobs and deals with running jobs that have gone silent. `expire` ends pending jobs whose upload
never came.
"""

from mediajobs import clock, run_each
from mediajobs.errors import Contention, NotFound
from mediajobs.jobs import cleanup_store, concurrency_store, job_store, transition_store
from mediajobs.jobs.lifecycle import RUNNING, Status, Transition
from mediajobs.jobs.model import Failure, Job
from mediajobs.pipeline import admission_service, executions_client, source_arrival_service, steps_service
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.bucket_store import source_size
from mediajobs.storage.object_keys import source_key
from mediajobs.timestamps import parse_rfc3339

_MAX_SILENCE_SECONDS = 60
_UPLOAD_EXPIRED = Failure(
    code="upload_expired",
    message="The source was not uploaded while its upload URL was good. Create the job anew, and upload it there.",
)


def sweep() -> list[str]:
    """Checks the running jobs, then admits queued ones. Returns the ids of the admitted jobs.

    Jobs are admitted even if the check of running ones fails.
    """
    try:
        run_each.run_each(sorted(concurrency_store.running()), _check)
    finally:
        admitted = admission_service.admit_waiting()
    return admitted


def expire() -> list[str]:
    """Ends jobs whose upload URL is dead, a hundred at most. Returns their ids."""
    return run_each.run_each(cleanup_store.expired_uploads(), _expire)


def _check(job_id: str) -> None:
    try:
        job, progress = job_store.get_with_progress(job_id)
    except NotFound:
        return
    last_sign = max(job.updated_at, progress.updated_at if progress else "")
    silence = (clock.utc_now() - parse_rfc3339(last_sign)).total_seconds()
    if job.status in RUNNING and silence > _MAX_SILENCE_SECONDS:
        _recover(job)


def _recover(job: Job) -> None:
    """Starts the execution where it never began; ends the job where the execution ended and its event was lost."""
    executions_client.start(job.job_id, job.attempt, account=job.account, priority=job.priority)
    ending = executions_client.failure_of(job.job_id, job.attempt)
    if ending is not None:
        steps_service.fail(job.job_id, job.attempt, error=ending.error, cause=ending.cause)


def _expire(job_id: str) -> bool:
    """Whether the job was ended."""
    try:
        job = job_store.get(job_id)
        if job.status is not Status.PENDING:  # the index lags behind
            return False
        size = source_size(job_id)
        if size is not None:  # the source came, and its event was lost
            source_arrival_service.handle(job_id, size)
            return False
        error = {"error": _UPLOAD_EXPIRED.model_dump()}
        result = transition_store.transition(job_id, Status.FAILED, attempt=job.attempt, changes=error, current=job)
    except (Contention, NotFound):  # another writer changes it at this moment
        return False
    if result.transition is not Transition.ALLOWED:
        return False
    if job.upload_id is not None:
        presigned_upload_store.abort_multipart(source_key(job_id), job.upload_id)
    return True
