"""Work that takes longer than a request may: exports and retries of many jobs, one slice for each message."""

import json
from collections.abc import Callable
from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, SQSEvent

from mediajobs import log_format
from mediajobs.commands import bulk_retry_service
from mediajobs.commands.bulk_retry_service import Walk
from mediajobs.exports import export_service, export_store

app = Chalice(app_name="background")
logger = Logger(json_serializer=log_format.to_json)
processor = BatchProcessor(event_type=EventType.SQS)

MAX_RECEIVES = 3  # as the queue's redrive policy has it
RESERVED_MILLISECONDS = 30_000  # enough for one more page, and to store the state


@app.on_sqs_message(queue="background")
def run_background_work(event: SQSEvent) -> Any:
    context = cast("LambdaContext", event.context)
    return process_partial_response(event=event.to_dict(), record_handler=_run, processor=processor, context=context)


def _run(record: SQSRecord, lambda_context: LambdaContext) -> None:
    task = json.loads(record.body)
    if task["kind"] == "export":
        receives = int(record.attributes.approximate_receive_count)
        _export(task["export_id"], lambda_context, last=receives >= MAX_RECEIVES)
    else:
        _retry(Walk.model_validate(task["walk"]), lambda_context)


def _export(export_id: str, context: LambdaContext, *, last: bool) -> None:
    seconds = context.get_remaining_time_in_millis() // 1000 + 1
    try:
        state = export_service.resume(export_id, _has_time(context), seconds)
    except export_store.LockedElsewhere:
        raise  # the run that holds the lock finishes or fails it
    except Exception:  # of any kind: after the last try nothing else would end the wait of the client
        if last:
            export_service.mark_failed(export_id)
        raise
    logger.info("export", export_id=export_id, state=state)


def _retry(walk: Walk, context: LambdaContext) -> None:
    done = bulk_retry_service.advance_and_enqueue(walk, _has_time(context))
    logger.info("retried", account=walk.account, **done.document.model_dump())


def _has_time(context: LambdaContext) -> Callable[[], bool]:
    return lambda: context.get_remaining_time_in_millis() > RESERVED_MILLISECONDS
