"""Something changed in a job: bring the counters that statistics are read from up to date with it."""

import json
from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from chalice.app import Chalice, SQSEvent

from mediajobs.stores import rollups

app = Chalice(app_name="rollups")
logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS)


@app.on_sqs_message(queue="rollups")
def roll_up(event: SQSEvent) -> Any:
    context = cast("LambdaContext", event.context)
    return process_partial_response(event=event.to_dict(), record_handler=_count, processor=processor, context=context)


def _count(record: SQSRecord) -> None:
    job_id = json.loads(record.body)["detail"]["job_id"]
    logger.info("rolled up", job_id=job_id, changed=rollups.count(job_id))
