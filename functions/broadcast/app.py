"""The second reader of the jobs table's stream: sends the present state of a job to its subscribers."""

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, DynamoDBEvent

from mediajobs import log_format
from mediajobs.jobs.tables import JOB, PROGRESS
from mediajobs.live_progress import broadcast_service, subscriber_store
from mediajobs.live_progress.frames import sequence_of
from mediajobs.live_progress.subscriber_store import Partition

app = Chalice(app_name="broadcast")
logger = Logger(json_serializer=log_format.to_json)

Record = dict[str, Any]


@app.on_dynamodb_record(stream_arn="")
def broadcast(event: DynamoDBEvent) -> dict[str, Any]:
    """Sends one state for each job of a batch. Where that fails, the stream redelivers the job's records and all later
    ones."""
    failed: list[str] = []
    for job_id, records in _by_job(event.to_dict()["Records"]).items():
        try:
            subscribers = broadcast_service.broadcast(job_id, _last_seen(records))
        except (BotoCoreError, ClientError):
            logger.exception("broadcast failed", job_id=job_id)
            failed.append(records[0]["dynamodb"]["SequenceNumber"])
        else:
            logger.info("broadcast", job_id=job_id, subscribers=subscribers, records=len(records))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _by_job(records: list[Record]) -> dict[str, list[Record]]:
    by_job: dict[str, list[Record]] = {}
    for record in records:
        by_job.setdefault(record["dynamodb"]["Keys"]["job_id"]["S"], []).append(record)
    return by_job


def _last_seen(records: list[Record]) -> Partition:
    """Returns the state of a job that may be deleted by now, before its last state was sent.

    Where the records contain nothing but the deletion, that state was sent when it was reached, and is marked as sent.
    """
    images = {
        record["dynamodb"]["Keys"]["item"]["S"]: record["dynamodb"].get("NewImage")
        or record["dynamodb"].get("OldImage")
        for record in records
    }
    job, progress = images.get(JOB), images.get(PROGRESS)
    seen = Partition(
        job=subscriber_store.job_of(job) if job else None,
        progress=subscriber_store.progress_of(progress) if progress else None,
    )
    if seen.job is not None and {record["eventName"] for record in records if _is_job(record)} == {"REMOVE"}:
        seen.last_sent_sequence = sequence_of(seen.job, seen.progress)
    return seen


def _is_job(record: Record) -> bool:
    return bool(record["dynamodb"]["Keys"]["item"]["S"] == JOB)
