"""The net under the events: once a minute it does again what a lost event should have done."""

from mediajobs import clock, run_each
from mediajobs.errors import Contention, NotFound
from mediajobs.jobs import cleanup_store, concurrency_store, job_store
from mediajobs.jobs.lifecycle import RUNNING, Status, Transition
from mediajobs.jobs.model import Failure, Job
from mediajobs.pipeline import admission_service, executions_client, steps_service
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.bucket_store import source_size
from mediajobs.storage.object_keys import source_key
from mediajobs.timestamps import parse

_QUIET_SECONDS = 60


def sweep() -> list[str]:
    """Admits whoever may be admitted, and looks after running jobs that have been silent. Gives the admitted ids.

    Those who wait are admitted whatever becomes of those that run.
    """
    try:
        run_each.run_each(sorted(concurrency_store.running()), _look_at)
    finally:
        admitted = admission_service.admit_waiting()
    return admitted


def _look_at(job_id: str) -> None:
    try:
        job, progress = job_store.get_with_progress(job_id)
    except NotFound:
        return
    heard = max(job.updated_at, progress.updated_at if progress else "")
    if job.status in RUNNING and (clock.utc_now() - parse(heard)).total_seconds() > _QUIET_SECONDS:
        _look_after(job)


def _look_after(job: Job) -> None:
    """An execution that was never begun begins; one that ended without a word ends its job."""
    executions_client.start(job.job_id, job.attempt, account=job.account, priority=job.priority)
    ended = executions_client.failure_of(job.job_id, job.attempt)
    if ended is not None:
        steps_service.fail(job.job_id, job.attempt, error=ended.error, cause=ended.cause)


_NEVER_CAME = Failure(
    code="upload_expired",
    message="The source was not uploaded while its upload URL was good. Create the job anew, and upload it there.",
)


def expire() -> list[str]:
    """Ends those whose upload URL is dead, a hundred at most. Gives their ids."""
    return run_each.run_each(cleanup_store.expired_uploads(), _expire)


def _expire(job_id: str) -> bool:
    try:
        job = job_store.get(job_id)
        if job.status is not Status.PENDING:  # the index lags behind
            return False
        size = source_size(job_id)
        if size is not None:  # it came, and its event was lost
            job_store.transition(job_id, Status.QUEUED, attempt=job.attempt, changes={"size_bytes": size}, known=job)
            return False
        error = {"error": _NEVER_CAME.model_dump()}
        outcome = job_store.transition(job_id, Status.FAILED, attempt=job.attempt, changes=error, known=job)
    except (Contention, NotFound):  # somebody does something with it just now
        return False
    if outcome.transition is Transition.ALLOWED and job.upload_id is not None:
        presigned_upload_store.abort_multipart(source_key(job_id), job.upload_id)
    return outcome.transition is Transition.ALLOWED
