"""Handles S3's event that a source has arrived: queues its job."""

from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, CloudWatchEvent

from mediajobs.errors import NotFound
from mediajobs.jobs import cleanup_store, job_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.storage.object_keys import job_of_key

app = Chalice(app_name="intake")
logger = Logger()


@app.on_cw_event({"source": ["aws.s3"]})
def uploaded(event: CloudWatchEvent) -> None:
    detail: dict[str, Any] = event.detail
    job_id = job_of_key(detail["object"]["key"])
    if job_id is None:
        return
    try:
        outcome = job_store.transition(
            job_id, Status.QUEUED, attempt=1, changes={"size_bytes": detail["object"].get("size", 0)}
        )
    except NotFound:  # jobs are stored before their upload URLs are given out, so this one was deleted
        deletes = cleanup_store.source_arrived_late(job_id)
        logger.warning("a source arrived for a deleted job", job_id=job_id, deletes=deletes)
        return
    logger.info("source arrived", job_id=job_id, verdict=outcome.transition)
