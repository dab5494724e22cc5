"""Signed webhooks: events fan out into deliveries, deliveries that are due are sent, and lost hints are given again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, CloudWatchEvent, SQSEvent

from mediajobs.jobs.events import JobEvent
from mediajobs.webhooks import attempt_queue, delivery_service, fan_out_service, overdue_service, recovery_service

app = Chalice(app_name="webhooks")
logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS)


def clock() -> datetime:
    return datetime.now(UTC)


@app.on_sqs_message(queue="webhooks")
def fan_out(event: SQSEvent) -> Any:
    """Events from the bus; and recoveries that were longer than a request may be."""
    context = cast("LambdaContext", event.context)
    return process_partial_response(
        event=event.to_dict(), record_handler=_fan_out, processor=processor, context=context
    )


@app.on_sqs_message(queue="attempts")
def deliver(event: SQSEvent) -> Any:
    """Side by side: each waits for another's server."""
    records = event.to_dict()["Records"]
    with ThreadPoolExecutor(len(records)) as pool:
        done = list(pool.map(_deliver, records))
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]} for record, well in zip(records, done, strict=True) if not well
        ]
    }


@app.on_cw_event({"source": ["aws.events"]})
def look_around(_event: CloudWatchEvent) -> None:
    logger.info("sweep", hinted=overdue_service.enqueue_overdue(clock()))


def _fan_out(record: SQSRecord) -> None:
    message = json.loads(record.body)
    if "recover" in message:
        _recover(message["recover"])
        return
    event = JobEvent.model_validate(message["detail"])
    count = fan_out_service.fan_out(event, clock())
    logger.info("fanned out", job_id=event.job_id, event_id=event.event_id, endpoints=count)


def _recover(walk: dict[str, Any]) -> None:
    """Recovers one page. The next page is another message."""
    recovery = recovery_service.resume(walk)
    logger.info("recovered", webhook_id=walk["webhook_id"], count=recovery.count)


def _deliver(record: dict[str, Any]) -> bool:
    try:
        hint = attempt_queue.read(record["body"])
        outcome = delivery_service.attempt_delivery(hint, clock)
    except Exception:  # its message comes again, the others of the batch do not; the row knows how far it got
        logger.exception("an attempt was interrupted", hint=record["body"])
        return False
    logger.info("attempt", webhook_id=hint.webhook_id, delivery_id=hint.delivery_id, outcome=outcome)
    return True
