"""The second reader of the jobs' stream: whoever listens to a job is told its present state."""

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, DynamoDBEvent

from mediajobs.jobs.tables import JOB, PROGRESS
from mediajobs.live_progress import broadcast_service, subscriber_store
from mediajobs.live_progress.frames import sequence_of
from mediajobs.live_progress.subscriber_store import Partition

app = Chalice(app_name="progress")
logger = Logger()

Record = dict[str, Any]


@app.on_dynamodb_record(stream_arn="")
def progress(event: DynamoDBEvent) -> dict[str, Any]:
    """A batch tells of each job once. Where that fails, the stream gives its records again, and those after them."""
    failed: list[str] = []
    for job_id, records in _by_job(event.to_dict()["Records"]).items():
        try:
            told = broadcast_service.broadcast(job_id, _last_seen(records))
        except (BotoCoreError, ClientError):
            logger.exception("not told", job_id=job_id)
            failed.append(records[0]["dynamodb"]["SequenceNumber"])
        else:
            logger.info("told", job_id=job_id, listeners=told, records=len(records))
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _by_job(records: list[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record["dynamodb"]["Keys"]["job_id"]["S"], []).append(record)
    return found


def _last_seen(records: list[Record]) -> Partition:
    """Of a job that may be deleted by now, whose end nobody has heard. Where nothing else happened to it than that it
    was deleted, its end was told when it came, and is no news."""
    images = {
        record["dynamodb"]["Keys"]["item"]["S"]: record["dynamodb"].get("NewImage")
        or record["dynamodb"].get("OldImage")
        for record in records
    }
    job, reported = images.get(JOB), images.get(PROGRESS)
    seen = Partition(
        job=subscriber_store.job_of(job) if job else None,
        progress=subscriber_store.progress_of(reported) if reported else None,
    )
    if seen.job is not None and {record["eventName"] for record in records if _is_job(record)} == {"REMOVE"}:
        seen.last_sent_sequence = sequence_of(seen.job, seen.progress)
    return seen


def _is_job(record: Record) -> bool:
    return bool(record["dynamodb"]["Keys"]["item"]["S"] == JOB)
