"""`/jobs`: create, upload, read, download."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.ownership import checked_id, get_own_job, require_owner
from chalicelib.http.problems import Problem, ProblemDocument
from chalicelib.http.responses import Headers, json_answer, redirect
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.api import etags
from mediajobs.commands import creation_service, upload_service
from mediajobs.errors import JobError
from mediajobs.jobs import job_store, output_service
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import job_document
from mediajobs.jobs.schemas import CompleteUpload, CreatedJob, CreateJob, JobDocument, JobStatus
from mediajobs.pipeline import admission_service
from mediajobs.settings import setting

routes = Routes("jobs")


@routes.route(
    "POST",
    "/jobs",
    {HTTPStatus.CREATED: CreatedJob, HTTPStatus.ACCEPTED: CreatedJob, HTTPStatus.FORBIDDEN: ProblemDocument},
    body=CreateJob,
    headers={HTTPStatus.CREATED: ("Location",), HTTPStatus.ACCEPTED: ("Location",)},
)
def create(request: ApiRequest) -> Response:
    """Create a job. The answer says how to upload its source."""
    try:
        prepared = creation_service.prepare(request.caller.account, request.body)
    except creation_service.RefusedSourceUrl as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
    job = _created_before(request, prepared.job_id) or creation_service.create(prepared)
    upload = upload_service.instructions(job, complete_url=f"/jobs/{job.job_id}/upload/complete")
    status = HTTPStatus.CREATED if upload else HTTPStatus.ACCEPTED
    document = CreatedJob.model_validate({"job_id": job.job_id, "status": job.status, "upload": upload})
    return json_answer(document, status, {"Location": f"/jobs/{job.job_id}"})


@routes.route(
    "POST",
    "/jobs/{job_id}/upload/complete",
    {HTTPStatus.ACCEPTED: JobStatus},
    body=CompleteUpload,
    max_body_bytes=256 * 1024,  # a thousand parts
)
def complete_upload(request: ApiRequest, job_id: str) -> Response:
    """End an upload in parts."""
    job = get_own_job(request.caller, job_id)
    try:
        upload_service.complete(job, request.body.parts)
    except JobError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.message) from error
    return json_answer(JobStatus(job_id=job_id, status=job.status), HTTPStatus.ACCEPTED)


@routes.route("GET", "/jobs/{job_id}", {HTTPStatus.OK: JobDocument, HTTPStatus.NOT_MODIFIED: None})
def get(request: ApiRequest, job_id: str) -> Response:
    """Read everything about a job."""
    job, progress = job_store.get_with_progress(checked_id(job_id))
    document = job_document(
        require_owner(request.caller, job),
        progress,
        queue_position=admission_service.position(job),
        model=setting("DEFAULT_WHISPER_MODEL"),
    )
    etag = etags.of(document.model_dump_json())
    headers: Headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etags.matches(request.headers.get("if-none-match", ""), etag):
        return Response("", status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)
    return json_answer(document, headers=headers)


@routes.route("GET", "/jobs/{job_id}/download/{output}", {HTTPStatus.FOUND: None}, token=True)
def download(request: ApiRequest, job_id: str, output: str) -> Response:
    """Redirect to the presigned URL of an output."""
    return redirect(output_service.download_url(get_own_job(request.caller, job_id), output))


def _created_before(request: ApiRequest, job_id: str) -> Job | None:
    if request.headers.get("idempotency-key") is None:
        return None
    from chalicelib.http import idempotency  # loaded only for requests with the header, which keeps cold starts short

    return idempotency.job_created_before(request, job_id)
