"""`/jobs/{job_id}/tokens`: tokens that open one job, for players, pages and shared links."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.ownership import get_own_job
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.accounts import job_token_service
from mediajobs.accounts.schemas import CreateJobToken, JobTokenDocument

routes = Routes("jobs")


@routes.route(
    "POST",
    "/jobs/{job_id}/tokens",
    {HTTPStatus.CREATED: JobTokenDocument},
    body=CreateJobToken,
    body_optional=True,
)
def create_token(request: ApiRequest, job_id: str) -> Response:
    """Make a token that opens this job's stream, events and downloads for a time.

    It goes into the query, as `?token=`, of `/stream/{job_id}/…`, `/events/{job_id}/progress` and
    `/jobs/{job_id}/download/{output}`, and opens nothing else. Requests with it count against the key that made it.
    Once that key is revoked the token opens nothing.
    """
    job = get_own_job(request.caller, job_id)
    issued = job_token_service.issue(request.caller.key_id, job.job_id, request.body.expires_in)
    document = JobTokenDocument(token=issued.token, expires_at=issued.expires_at)
    return json_answer(document, HTTPStatus.CREATED)
