"""`/jobs`: cancel, retry, reorder, delete, and ask after many at once."""

import time
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.ownership import get_own_job
from chalicelib.http.problems import Problem, ProblemDocument
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.commands import bulk_retry_service, service
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

RETRY_SECONDS = 15.0  # for many; the gateway gives up after 29

routes = Routes("jobs")


@routes.route("POST", "/jobs/{job_id}/cancel", {HTTPStatus.OK: CancelledJob, HTTPStatus.BAD_REQUEST: ProblemDocument})
def cancel(asked: ApiRequest, job_id: str) -> Response:
    """Cancel a job. Its computing stops within seconds."""
    outcome = service.cancel(get_own_job(asked.caller, job_id))
    if outcome.transition is Transition.ILLEGAL:
        detail = f"Cannot cancel job with status: {outcome.job.status}"
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="job-has-ended")
    return json_answer(CancelledJob(job_id=job_id, status=outcome.job.status, message="Job cancellation requested"))


@routes.route("POST", "/jobs/{job_id}/retry", {HTTPStatus.ACCEPTED: RetriedJob}, body=RetryJob, body_optional=True)
def retry(asked: ApiRequest, job_id: str) -> Response:
    """Run a failed or cancelled job again, from the task that failed or from its start."""
    job = service.retry(get_own_job(asked.caller, job_id), from_start=asked.body.origin == "start")
    return json_answer(RetriedJob(job_id=job_id, status=job.status, attempt=job.attempt), HTTPStatus.ACCEPTED)


@routes.route("POST", "/jobs/retry", {HTTPStatus.ACCEPTED: RetriedJobs}, body=RetryJobs)
def retry_many(asked: ApiRequest) -> Response:
    """Run all failed and cancelled jobs again that a filter finds.

    What cannot be retried is counted with its reason: `attempts_used`, `source_never_uploaded`, `changed_meanwhile`,
    or the quota that is used up. Where there are too many for one request the counts are of those that were reached,
    `continues` is true, and the others follow by themselves. Jobs that end after the request are not meant.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    done = bulk_retry_service.advance(
        bulk_retry_service.new(asked.caller.account, asked.body), lambda: time.monotonic() < deadline
    )
    if done.left is not None:
        bulk_retry_service.enqueue(done.left)
    return json_answer(done.document, HTTPStatus.ACCEPTED)


@routes.route("PATCH", "/jobs/{job_id}/priority", {HTTPStatus.OK: PrioritisedJob}, body=ChangePriority)
def prioritise(asked: ApiRequest, job_id: str) -> Response:
    """Change the place of a job that waits."""
    job = job_store.set_priority(get_own_job(asked.caller, job_id), asked.body.priority)
    message = (
        "The job already runs, as fast as it would anyway. The priority counts if it is retried."
        if job.status in RUNNING
        else "The job waits with its new priority."
    )
    return json_answer(PrioritisedJob(job_id=job_id, status=job.status, priority=job.priority, message=message))


@routes.route("DELETE", "/jobs/{job_id}", {HTTPStatus.OK: DeletedJob}, query=DeleteJob)
def delete(asked: ApiRequest, job_id: str) -> Response:
    """Delete a job, by default with its source and its outputs. One that runs is cancelled first."""
    count = service.delete(get_own_job(asked.caller, job_id), with_files=asked.query.delete_files)
    return json_answer(DeletedJob(job_id=job_id, files_deleted=count))


@routes.route("POST", "/jobs/batch-status", {HTTPStatus.OK: BatchStatusDocument}, body=BatchStatus)
def batch_status(asked: ApiRequest) -> Response:
    """How up to 1,000 jobs are, in the order of their ids."""
    return json_answer(BatchStatusDocument(jobs=summary_query.read(asked.body.job_ids, account=asked.caller.account)))
