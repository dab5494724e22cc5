"""The job rows' stream becomes events on the bus, each with an id that is the same however often a record is read."""

import os
from functools import cache
from typing import Any, cast

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, DynamoDBEvent

from mediajobs.events import event_of

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
    event = event_of(change.old_image or {}, change.new_image or {}) if change else None
    if event is None:
        return
    entry = {
        "EventBusName": os.environ["BUS"],
        "Source": "mediajobs",
        "DetailType": event.name,
        "Detail": event.model_dump_json(),
    }
    answer = _events().put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the bus refused an event: {answer['Entries'][0].get('ErrorCode')}")
    logger.info("event", job_id=event.job_id, status=event.status, event_id=event.event_id)


@cache
def _events() -> Any:
    return boto3.client("events")
