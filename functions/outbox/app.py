"""Turns the stream of job rows into events on the bus. An event's id stays the same when its record is read again."""

import json
from functools import cache
from traceback import format_tb
from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, DynamoDBEvent

from mediajobs import log_format
from mediajobs.aws import clients
from mediajobs.jobs.events import JobEvent, event_of
from mediajobs.settings import setting

app = Chalice(app_name="outbox")
logger = Logger(json_serializer=log_format.to_json)
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


@app.on_dynamodb_record(stream_arn="")
def publish(event: DynamoDBEvent) -> Any:
    context = cast("LambdaContext", event.context)
    return process_partial_response(
        event=event.to_dict(), record_handler=_publish, processor=processor, context=context
    )


def _publish(record: DynamoDBRecord) -> None:
    try:
        event = _event(record)
    except Exception as error:  # noqa: BLE001 - a bug or a malformed row must not block the records behind it
        _report_failed(record, error)
        return
    if event is not None:
        _put(event)


def _event(record: DynamoDBRecord) -> JobEvent | None:
    change = record.dynamodb
    return event_of(change.old_image or {}, change.new_image or {}) if change else None


def _put(event: JobEvent) -> None:
    entry = {
        "EventBusName": setting("EVENT_BUS"),
        "Source": "mediajobs",
        "DetailType": event.name,
        "Detail": event.model_dump_json(),
    }
    answer = _events().put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the bus refused an event: {answer['Entries'][0].get('ErrorCode')}")
    logger.info("event", job_id=event.job_id, status=event.status, event_id=event.event_id)


def _report_failed(record: DynamoDBRecord, error: Exception) -> None:
    """Sends a note to the queue of failed events: which job, and where in the stream its record is kept for a day.

    The note contains nothing of the row's content.
    """
    raw = record.raw_event
    change = {name: raw.get("dynamodb", {}).get(name) for name in ("Keys", "SequenceNumber")}
    names = ("eventID", "eventName", "eventSourceARN")
    note = {name: raw.get(name) for name in names} | {"dynamodb": change, "error": type(error).__name__}
    _queues().send_message(QueueUrl=setting("FAILED_EVENTS_QUEUE"), MessageBody=json.dumps(note))
    logger.error("no event could be made of a record", note=note, where=format_tb(error.__traceback__))


@cache
def _events() -> Any:
    return clients.client("events")


@cache
def _queues() -> Any:
    return clients.client("sqs")
