"""Signed webhooks: events fan out into deliveries, due deliveries are sent, and overdue ones are enqueued again."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, CloudWatchEvent, SQSEvent

from mediajobs import clock, log_format
from mediajobs.jobs.events import JobEvent
from mediajobs.webhooks import attempt_queue, delivery_service, fan_out_service, overdue_service, recovery_service

app = Chalice(app_name="webhooks")
logger = Logger(json_serializer=log_format.to_json)
processor = BatchProcessor(event_type=EventType.SQS)


@app.on_sqs_message(queue="webhook-events")
def fan_out(event: SQSEvent) -> Any:
    """Handles events from the bus, and the rest of recoveries that took longer than a request may."""
    context = cast("LambdaContext", event.context)
    return process_partial_response(
        event=event.to_dict(), record_handler=_fan_out, processor=processor, context=context
    )


@app.on_sqs_message(queue="webhook-attempts")
def deliver(event: SQSEvent) -> Any:
    """Sends a batch concurrently, because each delivery waits for another receiver."""
    records = event.to_dict()["Records"]
    with ThreadPoolExecutor(len(records)) as pool:
        results = list(pool.map(_deliver, records))
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record, succeeded in zip(records, results, strict=True)
            if not succeeded
        ]
    }


@app.on_cw_event({"source": ["aws.events"]})
def enqueue_overdue(_event: CloudWatchEvent) -> None:
    """Enqueues deliveries that are due and have no message, once a minute."""
    logger.info("sweep", enqueued=overdue_service.enqueue_overdue(clock.utc_now()))


def _fan_out(record: SQSRecord) -> None:
    message = json.loads(record.body)
    if "recover" in message:
        _recover(message["recover"])
        return
    event = JobEvent.model_validate(message["detail"])
    count = fan_out_service.fan_out(event, clock.utc_now())
    logger.info("fanned out", job_id=event.job_id, event_id=event.event_id, endpoints=count)


def _recover(walk: dict[str, Any]) -> None:
    """Recovers one page. The next page is another message."""
    recovery = recovery_service.resume(walk, clock.utc_now())
    logger.info("recovered", webhook_id=walk["webhook_id"], count=recovery.count)


def _deliver(record: dict[str, Any]) -> bool:
    try:
        reference = attempt_queue.read(record["body"])
        outcome = delivery_service.attempt_delivery(reference, clock.utc_now)
    except Exception:  # only this message is redelivered; the delivery's row has the state of the attempt
        logger.exception("an attempt was interrupted", reference=record["body"])
        return False
    logger.info("attempt", webhook_id=reference.webhook_id, delivery_id=reference.delivery_id, outcome=outcome)
    return True
