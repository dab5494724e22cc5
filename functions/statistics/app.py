"""Updates the counters of statistics and the index of file names after a change to a job."""

from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, SQSEvent
from pydantic import BaseModel

from mediajobs import log_format
from mediajobs.jobs.events import JobEvent
from mediajobs.listing import name_index_store
from mediajobs.statistics import counter_store

app = Chalice(app_name="statistics")
logger = Logger(json_serializer=log_format.to_json)
processor = BatchProcessor(event_type=EventType.SQS)


class _Envelope(BaseModel):
    """What is used of the envelope that the bus puts around an event."""

    detail: JobEvent


@app.on_sqs_message(queue="statistics")
def update_statistics(event: SQSEvent) -> Any:
    context = cast("LambdaContext", event.context)
    return process_partial_response(event=event.to_dict(), record_handler=_update, processor=processor, context=context)


def _update(record: SQSRecord) -> None:
    event = _Envelope.model_validate_json(record.body).detail
    name_index_store.follow(event)
    logger.info("statistics updated", job_id=event.job_id, changed=counter_store.update_counters(event.job_id, event))
