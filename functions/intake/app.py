"""Handles S3's event that a source has arrived: it starts its job, or is removed."""

from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, CloudWatchEvent

from mediajobs import log_format
from mediajobs.pipeline import source_arrival_service
from mediajobs.storage.object_keys import job_of_key

app = Chalice(app_name="intake")
logger = Logger(json_serializer=log_format.to_json)


@app.on_cw_event({"source": ["aws.s3"]})
def uploaded(event: CloudWatchEvent) -> None:
    detail: dict[str, Any] = event.detail
    job_id = job_of_key(detail["object"]["key"])
    if job_id is None:
        return
    arrival = source_arrival_service.handle(job_id, detail["object"]["size"])
    logger.info("source arrived", job_id=job_id, arrival=arrival)
