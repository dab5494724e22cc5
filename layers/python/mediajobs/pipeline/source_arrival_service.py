"""What becomes of an uploaded object: it starts its job, it is there already, or it is removed.

S3's event may come twice, late, or before an earlier one. An object that no job waits for is always removed, because
nobody would find it, and no quota would count it.
"""

from enum import StrEnum

from mediajobs.accounts import quota_store
from mediajobs.errors import NotFound, QuotaExceeded
from mediajobs.jobs import cleanup_store, job_store, transition_store
from mediajobs.jobs.lifecycle import Status, Transition
from mediajobs.jobs.model import Failure, Job
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.upload_plan import MAX_SINGLE_BYTES


class Arrival(StrEnum):
    STARTED = "started"
    KNOWN = "known"  # a copy of an earlier event, or a source that the service fetched itself
    REFUSED = "refused"  # the job has failed by it, and the object is removed
    REMOVED = "removed"  # nobody waits for it


def handle(job_id: str, size: int) -> Arrival:
    """Handles a source of `size` bytes that lies in the bucket. Idempotent. Raises Contention."""
    try:
        job = job_store.get(job_id)
        if job.status is Status.PENDING:
            failure = _refusal(job, size)
            result = _refuse(job, failure) if failure else _start(job, size)
            if result.transition is Transition.ALLOWED and failure is None:
                return Arrival.STARTED
            job = result.job
    except NotFound:  # jobs are stored before their upload URLs are given out, so this one was deleted
        return _of_deleted_job(job_id)
    if job.source_url is not None or size in _stored_sizes(job):
        return Arrival.KNOWN
    _remove(job_id)
    return Arrival.REFUSED if job.error is not None else Arrival.REMOVED


def _refusal(job: Job, size: int) -> Failure | None:
    if job.size_bytes is not None:
        return None if size == job.size_bytes else _other_size(size, job.size_bytes)
    if size > MAX_SINGLE_BYTES:
        return Failure(
            code="source_too_large",
            message=f"The source has {size} bytes; without size_bytes at most {MAX_SINGLE_BYTES} are taken. "
            "Create the job anew with its size_bytes.",
        )
    try:
        quota_store.check_stored(job.account, size)
    except QuotaExceeded as error:
        return Failure(code="storage_quota_exceeded", message=str(error))
    return None


def _other_size(size: int, announced: int) -> Failure:
    message = f"The source has {size} bytes, and {announced} were announced. Create the job anew with its true size."
    return Failure(code="source_size_mismatch", message=message)


def _start(job: Job, size: int) -> transition_store.TransitionResult:
    changes = {"size_bytes": size}
    return transition_store.transition(job.job_id, Status.QUEUED, attempt=job.attempt, changes=changes, current=job)


def _refuse(job: Job, failure: Failure) -> transition_store.TransitionResult:
    """Fails the job before the object is removed: if the removal fails, the next event removes it."""
    changes = {"error": failure.model_dump()}
    return transition_store.transition(job.job_id, Status.FAILED, attempt=job.attempt, changes=changes, current=job)


def _stored_sizes(job: Job) -> set[int | None]:
    """The sizes that its source has been counted with; of a job without a source None alone."""
    return {job.size_bytes, job.source.size_bytes if job.source else None}


def _of_deleted_job(job_id: str) -> Arrival:
    """Removes the source of a job that was deleted with its files, or before it had any.

    The files of other deleted jobs were kept, and stay counted.
    """
    if not cleanup_store.source_arrived_late(job_id):
        return Arrival.KNOWN
    _remove(job_id)
    return Arrival.REMOVED


def _remove(job_id: str) -> None:
    MediaBucket.from_environment().delete(source_key(job_id))
