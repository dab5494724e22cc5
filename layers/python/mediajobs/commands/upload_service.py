"""Uploads of sources: what a client needs to upload one, and the end of a multipart upload."""

from collections.abc import Iterable
from typing import Any

from mediajobs.errors import Conflict, JobError
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.jobs.model import Job
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.upload_plan import UploadedPart, parts_for

_SHOWN = 10  # missing parts that an error names


def instructions(job: Job, *, complete_url: str) -> dict[str, Any] | None:
    """Returns how to upload the source, in one PUT or in parts; None where the service fetches it itself.

    `complete_url`: where the client ends an upload in parts.
    """
    if job.source_url is not None:
        return None
    key = source_key(job.job_id)
    if job.upload_id is None:
        return presigned_upload_store.single_upload(key, job.content_type, job.size_bytes)
    return presigned_upload_store.multipart_upload(key, job.upload_id, parts_for(job.size_bytes), complete_url)


def complete(job: Job, parts: Iterable[UploadedPart]) -> None:
    """Joins the parts of a multipart upload. Changes nothing where the source has arrived already.

    Raises Conflict where the job has no multipart upload or has ended without its source, and
    JobError(invalid_parts) where the list is not that of the plan, or S3 does not have the parts.
    """
    if job.upload_id is None:
        raise Conflict("This job has no multipart upload: it starts when its source has arrived.")
    if job.status in RETRYABLE:
        raise Conflict(f"This job is {job.status}: its upload is not wanted any more. Create it anew.")
    if job.status is Status.PENDING:
        parts = list(parts)
        _check_complete(parts, planned={part.number for part in parts_for(job.size_bytes)})
        presigned_upload_store.complete_multipart(source_key(job.job_id), job.upload_id, parts)


def _check_complete(parts: list[UploadedPart], *, planned: set[int]) -> None:
    """Raises JobError(invalid_parts) where a part of the plan is missing, comes twice, or is not of the plan."""
    numbers = [part.part_number for part in parts]
    if missing := sorted(planned.difference(numbers)):
        raise JobError("invalid_parts", f"These parts are missing: {_listed(missing)}. Upload and list them too.")
    if len(numbers) > len(planned):
        raise JobError("invalid_parts", f"The upload has {len(planned)} parts. List each of them once.")


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:_SHOWN])) + (f" and {len(numbers) - _SHOWN} more" if numbers[_SHOWN:] else "")
