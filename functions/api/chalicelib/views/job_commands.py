"""`/jobs`: cancel, retry, change the priority, delete, and read the states of many jobs at once."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import deadlines
from chalicelib.http.ownership import get_own_job
from chalicelib.http.problems import Problem, ProblemDocument
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.commands import bulk_retry_service, job_command_service
from mediajobs.commands.schemas import (
    CancelledJob,
    ChangePriority,
    DeletedJob,
    DeleteJob,
    PrioritisedJob,
    RetriedJob,
    RetriedJobs,
    RetryJob,
    RetryJobs,
)
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import RUNNING, Transition
from mediajobs.listing import summary_query
from mediajobs.listing.schemas import BatchStatus, BatchStatusDocument

RETRY_SECONDS = 15.0  # then a retry of many goes on without the request

routes = Routes("jobs")


@routes.route("POST", "/jobs/{job_id}/cancel", {HTTPStatus.OK: CancelledJob, HTTPStatus.BAD_REQUEST: ProblemDocument})
def cancel(request: ApiRequest, job_id: str) -> Response:
    """Cancel a job. Its tasks stop within seconds."""
    outcome = job_command_service.cancel(get_own_job(request.caller, job_id))
    if outcome.transition is Transition.ILLEGAL:
        detail = f"Cannot cancel job with status: {outcome.job.status}"
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="job-has-ended")
    return json_answer(CancelledJob(job_id=job_id, status=outcome.job.status, message="Job cancellation requested"))


@routes.route("POST", "/jobs/{job_id}/retry", {HTTPStatus.ACCEPTED: RetriedJob}, body=RetryJob, body_optional=True)
def retry(request: ApiRequest, job_id: str) -> Response:
    """Run a failed or cancelled job again, from the task that failed or from its start."""
    job = job_command_service.retry(get_own_job(request.caller, job_id), from_start=request.body.origin == "start")
    return json_answer(RetriedJob(job_id=job_id, status=job.status, attempt=job.attempt), HTTPStatus.ACCEPTED)


@routes.route("POST", "/jobs/retry", {HTTPStatus.ACCEPTED: RetriedJobs}, body=RetryJobs)
def retry_many(request: ApiRequest) -> Response:
    """Run all failed and cancelled jobs again that match a filter.

    Jobs that cannot be retried are counted by reason: `attempts_used`, `source_never_uploaded`, `changed_meanwhile`,
    or the quota that is used up. Where they are too many for one request, the counts are of the jobs that were
    reached, `continues` is true, and the others follow without another request. Jobs that end after the request are
    left out.
    """
    walk = bulk_retry_service.new(request.caller.account, request.body)
    done = bulk_retry_service.advance_and_enqueue(walk, deadlines.has_time(RETRY_SECONDS))
    return json_answer(done.document, HTTPStatus.ACCEPTED)


@routes.route("PATCH", "/jobs/{job_id}/priority", {HTTPStatus.OK: PrioritisedJob}, body=ChangePriority)
def prioritise(request: ApiRequest, job_id: str) -> Response:
    """Change the priority of a job, and with it the place of a waiting job in the queue."""
    job = job_store.set_priority(get_own_job(request.caller, job_id), request.body.priority)
    message = (
        "The job already runs, as fast as it would anyway. The priority counts if it is retried."
        if job.status in RUNNING
        else "The job waits with its new priority."
    )
    return json_answer(PrioritisedJob(job_id=job_id, status=job.status, priority=job.priority, message=message))


@routes.route("DELETE", "/jobs/{job_id}", {HTTPStatus.OK: DeletedJob}, query=DeleteJob)
def delete(request: ApiRequest, job_id: str) -> Response:
    """Delete a job, by default with its source and its outputs. A running job is cancelled first."""
    count = job_command_service.delete(get_own_job(request.caller, job_id), with_files=request.query.delete_files)
    return json_answer(DeletedJob(job_id=job_id, files_deleted=count))


@routes.route("POST", "/jobs/batch-status", {HTTPStatus.OK: BatchStatusDocument}, body=BatchStatus)
def batch_status(request: ApiRequest) -> Response:
    """Read the states of up to 1,000 jobs, in the order of the ids."""
    return json_answer(
        BatchStatusDocument(jobs=summary_query.read(request.body.job_ids, account=request.caller.account))
    )
