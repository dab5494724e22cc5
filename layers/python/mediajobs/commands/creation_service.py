"""Creates jobs.

A job's id is made by `prepare`, before anything is stored, so that a caller can note it under an idempotency key first.
"""

from ulid import ULID

from mediajobs import clock, public_urls
from mediajobs.accounts import quota_store, source_bucket_store
from mediajobs.accounts.source_bucket_store import RefusedSource
from mediajobs.errors import Contention, QuotaExceeded
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.schemas import CreateJob
from mediajobs.public_urls import InvalidUrl
from mediajobs.settings import is_on
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.upload_plan import parts_for
from mediajobs.timestamps import parse_rfc3339, to_milliseconds


class RefusedSourceUrl(ValueError):
    """The service may not fetch from this `source_url`. The message says what would be accepted."""


def prepare(account: str, request: CreateJob) -> Job:
    """Returns the job that a request describes. Nothing is stored yet. Raises RefusedSourceUrl."""
    _check_source_url(account, request.source_url)
    now = clock.now()
    return Job(
        # The id has the same millisecond as created_at, because filters by date use either of them.
        job_id=str(ULID.from_timestamp(to_milliseconds(parse_rfc3339(now)))),
        account=account,
        status=Status.QUEUED if request.source_url else Status.PENDING,
        created_at=now,
        updated_at=now,
        **request.model_dump(exclude={"options"}),
        options=request.options,
    )


def create(job: Job) -> Job:
    """Stores a prepared job, and begins its multipart upload if it needs one.

    Raises QuotaExceeded, Contention, Conflict.
    """
    quota = quota_store.check(job.account, announced=job.size_bytes or 0)
    if not job.source_url and parts_for(job.size_bytes):
        job = job.model_copy(
            update={"upload_id": presigned_upload_store.create_multipart(source_key(job.job_id), job.content_type)}
        )
    try:
        job_store.create(job, quota=quota)
    except (Contention, QuotaExceeded):  # other requests were quicker: nothing was stored
        if job.upload_id is not None:
            presigned_upload_store.abort_multipart(source_key(job.job_id), job.upload_id)
        raise
    return job


def _check_source_url(account: str, url: str | None) -> None:
    """Checks what can be known without connecting. The task that fetches the source checks all of it again, and the
    addresses that it connects to. An `s3://` URL costs a read of the account's item."""
    if url is None:
        return
    try:
        if url.startswith("s3://"):
            source_bucket_store.check(account, url)
        else:
            public_urls.parse(url, private_allowed=is_on("ALLOW_PRIVATE_URLS"))
    except RefusedSource as error:
        raise RefusedSourceUrl(f"source_url: {error}") from error
    except InvalidUrl as error:
        raise RefusedSourceUrl(
            f"source_url cannot be used: {error}. Give https://host/path, or s3://bucket/key."
        ) from error
