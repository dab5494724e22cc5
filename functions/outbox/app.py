"""The job rows' stream becomes events on the bus, each with an id that is the same however often a record is read."""

import json
import os
from functools import cache
from typing import Any, cast

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, DynamoDBEvent

app = Chalice(app_name="outbox")
logger = Logger()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


@app.on_dynamodb_record(stream_arn="")
def publish(event: DynamoDBEvent) -> Any:
    context = cast("LambdaContext", event.context)
    return process_partial_response(
        event=event.to_dict(), record_handler=_publish, processor=processor, context=context
    )


def _publish(record: DynamoDBRecord) -> None:
    change = record.dynamodb
    if change is None or not change.new_image:
        return
    new, old = change.new_image, change.old_image or {}
    if new.get("item") != "job" or new["version"] == old.get("version"):
        return
    detail = {
        "event_id": f"{new['job_id']}-{new['version']}",
        "job_id": new["job_id"],
        "account": new["account"],
        "status": new["status"],
        "attempt": int(new["attempt"]),
        "priority": int(new["priority"]),
        "updated_at": new["updated_at"],
    }
    entry = {
        "EventBusName": os.environ["BUS"],
        "Source": "mediajobs",
        "DetailType": f"job.{new['status']}",
        "Detail": json.dumps(detail),
    }
    answer = _events().put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the bus refused an event: {answer['Entries'][0].get('ErrorCode')}")
    logger.info("event", job_id=detail["job_id"], status=detail["status"], event_id=detail["event_id"])


@cache
def _events() -> Any:
    return boto3.client("events")
