"""Uploads of sources: what a client needs to upload one, and the end of a multipart upload."""

from collections.abc import Iterable
from typing import Any

from mediajobs.errors import Conflict
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.jobs.model import Job
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.upload_plan import UploadedPart, parts_for


def instructions(job: Job, *, complete_url: str) -> dict[str, Any] | None:
    """Returns how to upload the source, in one PUT or in parts; None where the service fetches it itself.

    `complete_url`: where the client ends an upload in parts.
    """
    if job.source_url is not None:
        return None
    key = source_key(job.job_id)
    if job.upload_id is None:
        return presigned_upload_store.single_upload(key, job.content_type)
    return presigned_upload_store.multipart_upload(key, job.upload_id, parts_for(job.size_bytes), complete_url)


def complete(job: Job, parts: Iterable[UploadedPart]) -> None:
    """Joins the parts of a multipart upload. Changes nothing where the source has arrived already.

    Raises Conflict where the job has no multipart upload or has ended without its source, and
    JobError(invalid_parts) where S3 does not have the parts.
    """
    if job.upload_id is None:
        raise Conflict("This job has no multipart upload: it starts when its source has arrived.")
    if job.status in RETRYABLE:
        raise Conflict(f"This job is {job.status}: its upload is not wanted any more. Create it anew.")
    if job.status is Status.PENDING:
        presigned_upload_store.complete_multipart(source_key(job.job_id), job.upload_id, parts)
