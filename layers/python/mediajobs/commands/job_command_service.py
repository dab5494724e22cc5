"""Commands of owners on their jobs: cancel, retry, delete. Each takes the job as it was just read."""

from typing import Any

from mediajobs import run_each
from mediajobs.accounts import quota_store
from mediajobs.aws import backoff
from mediajobs.errors import Conflict, Contention, RetryRefused
from mediajobs.jobs import cleanup_store, job_store, transition_store
from mediajobs.jobs.lifecycle import MAX_ATTEMPTS, RETRYABLE, TERMINAL, Status, Transition
from mediajobs.jobs.model import Job
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.bucket_store import MediaBucket, source_size
from mediajobs.storage.object_keys import output_prefix, source_key, source_prefix

_TRIES = 5


def cancel(job: Job) -> transition_store.TransitionResult:
    """Cancels the job. The result is ILLEGAL where it had ended. The event of the change stops its tasks."""
    outcome = transition_store.transition(job.job_id, Status.CANCELLED, current=job)
    if outcome.transition is Transition.ALLOWED and job.status is Status.PENDING and job.upload_id is not None:
        presigned_upload_store.abort_multipart(source_key(job.job_id), job.upload_id)
    return outcome


def retry(job: Job, *, from_start: bool) -> Job:
    """Begins the next attempt. Raises RetryRefused, QuotaExceeded, and Conflict where the job has changed since.

    Complete outputs of earlier attempts are used again; with `from_start` everything is made again.
    """
    if job.status not in RETRYABLE:
        raise Conflict(f"Only a failed or cancelled job can be retried; this one is {job.status}.")
    if job.attempt >= MAX_ATTEMPTS:
        raise RetryRefused("attempts_used", f"This job has had its {MAX_ATTEMPTS} attempts. Create a new job.")
    quota = quota_store.check(job.account)
    changes = _late_source(job) | ({"base_attempt": job.attempt + 1, "warnings": []} if from_start else {})
    outcome = transition_store.transition(
        job.job_id, Status.QUEUED, attempt=job.attempt, retry=True, changes=changes, current=job, quota=quota
    )
    if outcome.transition is not Transition.ALLOWED:
        raise Conflict(f"This job was changed meanwhile: it is {outcome.job.status} in attempt {outcome.job.attempt}.")
    return outcome.job


def delete(job: Job, *, with_files: bool) -> int:
    """Cancels the job if it has not ended, and removes it. Returns the number of deleted objects.

    The files are deleted first: if that fails, the job still exists and can be deleted again. A job without a source
    has no files to keep: what is uploaded later is removed, whatever `with_files` says.
    Raises NotFound, Contention.
    """
    for _ in backoff.attempts(_TRIES):
        if job.status not in TERMINAL:
            job = cancel(job).job
        remove = with_files or not _has_source(job)
        count = remove_files(job.job_id) if remove else 0
        if job_store.remove(job, schedule_cleanup=remove):
            return count
        job = job_store.get(job.job_id)
    raise Contention


def remove_files(job_id: str) -> int:
    """Deletes all objects of a job, and aborts its unfinished uploads. Returns the number of deleted objects."""
    objects = MediaBucket.from_environment()
    count = 0
    for prefix in (source_prefix(job_id), output_prefix(job_id)):
        objects.abort_uploads(prefix)
        count += objects.delete_all(prefix)
    return count


def remove_leftovers() -> list[str]:
    """Deletes files that were written after their job was deleted. Returns the ids of the jobs that had such files."""
    return [job_id for job_id, _ in run_each.run_each(cleanup_store.due_cleanups(), _remove_leftovers)]


def _remove_leftovers(due: tuple[str, str]) -> bool:
    job_id, rank = due
    found = remove_files(job_id) > 0
    cleanup_store.mark_cleaned(job_id, rank)
    return found


def _has_source(job: Job) -> bool:
    """Whether a source of it is stored, or may be: the service fetches it itself."""
    return not (job.source is None and job.source_url is None and job.size_bytes is None)


def _late_source(job: Job) -> dict[str, Any]:
    """Returns the changes for a source that arrived just before the cancellation, whose event is still on its way.

    What arrives later is removed. Raises RetryRefused without a source, and QuotaExceeded where it does not fit.
    """
    if job.source is not None or job.source_url is not None:
        return {}
    size = source_size(job.job_id)
    if size is None:
        detail = "The source of this job was never uploaded. Create a new job and upload it there."
        raise RetryRefused("source_never_uploaded", detail)
    if job.size_bytes != size:
        quota_store.check_stored(job.account, size)
    return {"size_bytes": size}
