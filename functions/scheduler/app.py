"""Admits waiting jobs and starts an execution for each admitted one.

A job that entered `processing` is started by the event of that very change, so a crash between the two loses nothing;
the execution's name makes a second start harmless.
"""

from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, CloudWatchEvent

from mediajobs.life import Status
from mediajobs.stores import executions, queue

app = Chalice(app_name="scheduler")
logger = Logger()


@app.on_cw_event({"source": ["mediajobs"]})
def schedule(event: CloudWatchEvent) -> None:
    if event.source != "mediajobs":  # the sweep
        logger.info("sweep", admitted=queue.admit_blocked())
        return
    detail: dict[str, Any] = event.detail
    if detail["status"] == Status.PROCESSING:
        executions.start(detail["job_id"], detail["attempt"], account=detail["account"], priority=detail["priority"])
        logger.info("execution started", job_id=detail["job_id"], attempt=detail["attempt"])
        return
    admitted = queue.admit(detail["account"]) + queue.admit_blocked()
    logger.info("admission", account=detail["account"], admitted=admitted)
