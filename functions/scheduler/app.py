"""Admits waiting jobs, starts an execution for each admitted one, and stops those of cancelled jobs.

A job that entered `processing` is started by the event of that very change, so a crash between the two loses nothing;
the execution's name makes a second start harmless.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, CloudWatchEvent

from mediajobs import log_format, run_each
from mediajobs.commands import job_command_service
from mediajobs.jobs import progress_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.pipeline import admission_service, executions_client
from mediajobs.pipeline.sweep_service import expire, sweep

app = Chalice(app_name="scheduler")
logger = Logger(json_serializer=log_format.to_json)


@app.on_cw_event({"source": ["mediajobs"]})
def schedule(event: CloudWatchEvent) -> None:
    if event.source != "mediajobs":  # the schedule, once a minute
        _sweep()
        return
    detail: dict[str, Any] = event.detail
    job_id, attempt = detail["job_id"], detail["attempt"]
    if detail["status"] == Status.PROCESSING:
        executions_client.start(job_id, attempt, account=detail["account"], priority=detail["priority"])
        logger.info("execution started", job_id=job_id, attempt=attempt)
        if progress_store.is_over(job_id, attempt):  # the event of its cancellation may have come first
            executions_client.stop(job_id, attempt)
        return
    if detail["status"] == Status.CANCELLED:
        executions_client.stop(job_id, attempt)
        logger.info("execution stopped", job_id=job_id, attempt=attempt)
    newly_queued = detail["job_id"] if detail["status"] == Status.QUEUED else None
    admitted = admission_service.admit_waiting(detail["account"], job_id=newly_queued)
    logger.info("admission", account=detail["account"], admitted=admitted)


def _sweep() -> None:
    """Runs every duty, then raises if one failed. The alarm of FailedEventsQueue follows three failures."""
    try:
        run_each.run_each((sweep, expire, job_command_service.remove_leftovers), _run)
    except ExceptionGroup:
        logger.exception("sweep")  # Lambda itself would log only the group, not the errors in it
        raise


def _run(duty: Callable[[], list[str]]) -> None:
    logger.info("sweep", duty=duty.__name__, job_ids=duty())
