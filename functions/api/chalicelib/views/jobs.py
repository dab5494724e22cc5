"""`/jobs`: create, upload, read, download."""

import hashlib
import os
from http import HTTPStatus
from typing import Any

from chalice.app import Response
from ulid import ULID

from chalicelib.http.ownership import checked_id, get_own_job, require_owner
from chalicelib.http.problems import Problem, ProblemDocument
from chalicelib.http.responses import Headers, json_answer, redirect
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs import clock, timestamps
from mediajobs.accounts import quota_store
from mediajobs.api import etags
from mediajobs.errors import JobError, QuotaExceeded
from mediajobs.jobs import job_store, lifecycle
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import job_document
from mediajobs.jobs.schemas import CompleteUpload, CreatedJob, CreateJob, JobDocument, JobStatus
from mediajobs.media.outputs import DOWNLOADS
from mediajobs.pipeline import admission_service
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.bucket_store import MediaBucket, source_size
from mediajobs.storage.object_keys import download_name, output_key, source_key
from mediajobs.storage.upload_plan import parts_for
from mediajobs.timestamps import parse

routes = Routes("jobs")


@routes.route(
    "POST",
    "/jobs",
    {HTTPStatus.CREATED: CreatedJob, HTTPStatus.ACCEPTED: CreatedJob, HTTPStatus.FORBIDDEN: ProblemDocument},
    body=CreateJob,
    headers={HTTPStatus.ACCEPTED: ("Location",)},
)
def create(asked: ApiRequest) -> Response:
    """Create a job, and say where its source is to be uploaded."""
    wanted: CreateJob = asked.body
    _check_source_url(wanted.source_url)
    moment = clock.now()
    job = Job(
        # Of the same moment as created_at: dates are looked for by either.
        job_id=str(ULID.from_timestamp(timestamps.milliseconds(parse(moment)))),
        account=asked.caller.account,
        status=Status.QUEUED if wanted.source_url else Status.PENDING,
        created_at=moment,
        updated_at=moment,
        **wanted.model_dump(exclude={"options"}),
        options=wanted.options,
    )
    made = _made_before(asked, job.job_id) or _make(job)
    upload = None if made.source_url else _upload(made)
    status = HTTPStatus.CREATED if upload else HTTPStatus.ACCEPTED
    answer = CreatedJob.model_validate({"job_id": made.job_id, "status": made.status, "upload": upload})
    return json_answer(answer, status, {"Location": f"/jobs/{made.job_id}"})


@routes.route("POST", "/jobs/{job_id}/upload/complete", {HTTPStatus.ACCEPTED: JobStatus}, body=CompleteUpload)
def complete_upload(asked: ApiRequest, job_id: str) -> Response:
    """End an upload in parts."""
    job = get_own_job(asked.caller, job_id)
    if job.upload_id is None:
        raise Problem(HTTPStatus.CONFLICT, "This job has no multipart upload: it starts when its source has arrived.")
    if job.status in lifecycle.RETRYABLE:
        raise Problem(
            HTTPStatus.CONFLICT, f"This job is {job.status}: its upload is not wanted any more. Create it anew."
        )
    if job.status is Status.PENDING:
        try:
            presigned_upload_store.complete_multipart(source_key(job_id), job.upload_id, asked.body.parts)
        except JobError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.message) from error
    return json_answer(JobStatus(job_id=job_id, status=job.status), HTTPStatus.ACCEPTED)


@routes.route("GET", "/jobs/{job_id}", {HTTPStatus.OK: JobDocument, HTTPStatus.NOT_MODIFIED: None})
def get(asked: ApiRequest, job_id: str) -> Response:
    """Everything about a job."""
    job, progress = job_store.get_with_progress(checked_id(job_id))
    document = job_document(
        require_owner(asked.caller, job),
        progress,
        queue_position=admission_service.position(job),
        model=os.environ["DEFAULT_WHISPER_MODEL"],
    )
    etag = f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'
    headers: Headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etags.matches(asked.headers.get("if-none-match", ""), etag):
        return Response("", status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)
    return json_answer(document, headers=headers)


@routes.route("GET", "/jobs/{job_id}/download/{output}", {HTTPStatus.FOUND: None})
def download(asked: ApiRequest, job_id: str, output: str) -> Response:
    """Redirect to an output's presigned URL."""
    job = get_own_job(asked.caller, job_id)
    if output not in DOWNLOADS:
        choices = ", ".join(DOWNLOADS)
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no output {output}. There are: {choices}.")
    name = download_name(job.filename, output)
    if output == "source":
        return _source(job, name)
    if job.status not in lifecycle.TERMINAL:
        raise _not_there_yet(job)
    summary = job.outputs.get(output)
    if summary is None or not summary.available:
        reason = f": {summary.reason}" if summary and summary.reason else ""
        raise Problem(HTTPStatus.NOT_FOUND, f"This job did not make {output}{reason}.")
    return redirect(MediaBucket.from_environment().presigned_get(output_key(job_id, output), filename=name))


def _source(job: Job, name: str) -> Response:
    """A job that ended before its source was looked at may have one all the same."""
    if job.source is None and job.status not in lifecycle.TERMINAL:
        raise _not_there_yet(job)
    if job.source is None and source_size(job.job_id) is None:
        raise Problem(HTTPStatus.NOT_FOUND, "The source of this job never came. Create the job anew.")
    return redirect(MediaBucket.from_environment().presigned_get(source_key(job.job_id), filename=name))


def _made_before(asked: ApiRequest, job_id: str) -> Job | None:
    if asked.headers.get("idempotency-key") is None:
        return None
    from chalicelib.http import idempotency  # most requests do without, and start sooner

    return idempotency.made_before(asked, job_id)


def _make(job: Job) -> Job:
    """Stores it, and begins its multipart upload if it needs one. Raises OverQuota."""
    quota = quota_store.check(job.account, announced=job.size_bytes or 0)
    if not job.source_url and parts_for(job.size_bytes):
        job = job.model_copy(
            update={"upload_id": presigned_upload_store.create_multipart(source_key(job.job_id), job.content_type)}
        )
    try:
        job_store.create(job, quota=quota)
    except QuotaExceeded:  # others took the last places meanwhile
        if job.upload_id is not None:
            presigned_upload_store.abort_multipart(source_key(job.job_id), job.upload_id)
        raise
    return job


def _upload(job: Job) -> dict[str, Any]:
    """How the client is to upload."""
    key = source_key(job.job_id)
    if job.upload_id is None:
        return presigned_upload_store.single_upload(key, job.content_type)
    parts = parts_for(job.size_bytes)
    return presigned_upload_store.multipart_upload(key, job.upload_id, parts, f"/jobs/{job.job_id}/upload/complete")


def _check_source_url(url: str | None) -> None:
    """What can be told without fetching; the fetching task checks the addresses themselves."""
    if url is None:
        return
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        allowed = [bucket for bucket in os.environ["SOURCE_BUCKETS"].split(",") if bucket]
        if rest.partition("/")[0] not in allowed:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "source_url names a bucket that this service may not read.")
    elif scheme != "https" and os.environ["ALLOW_PRIVATE_URLS"] != "true":
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "source_url must begin with https:// or s3://.")


def _not_there_yet(job: Job) -> Problem:
    return Problem(HTTPStatus.CONFLICT, f"Not there yet: the job is {job.status}. Ask again when it has completed.")
