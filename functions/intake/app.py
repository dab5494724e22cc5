"""S3 says that a source has arrived: its job may wait for its turn."""

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
    except NotFound:  # a job is there before its upload's URL: so this one was deleted
        goes = cleanup_store.source_arrived_late(job_id)
        logger.warning("a source arrived for a job that is not there", job_id=job_id, goes=goes)
        return
    logger.info("source arrived", job_id=job_id, verdict=outcome.transition)
