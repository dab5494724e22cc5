"""Many jobs in a few words each, by batch reads."""

import random
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from mediajobs.documents import JobBrief, MissingJob
from mediajobs.ids import is_job_id
from mediajobs.job_document import job_brief
from mediajobs.stores.environment import setting
from mediajobs.stores.jobs import as_job
from mediajobs.stores.progress import as_progress
from mediajobs.stores.rows import JOB, PROGRESS, JobRow, ProgressRow

_KEYS_A_CALL = 100
_TRIES = 8
_LONGEST_PAUSE = 1.0  # seconds
_ATTRIBUTES = (
    *("job_id", "item", "account", "status", "version", "attempt", "base_attempt", "priority", "filename", "options"),
    *("created_at", "updated_at", "completed_at", "sequence", "stopped", "tasks"),
)
_NAMES = {f"#{number}": name for number, name in enumerate(_ATTRIBUTES)}


def read(job_ids: Sequence[str], *, account: str) -> list[JobBrief | MissingJob]:
    """One entry for each id, in order, as `account` may see it. An id may come twice. Raises ClientError."""
    found = _items(sorted({job_id for job_id in job_ids if is_job_id(job_id)}))
    return [_entry(job_id, account, found) for job_id in job_ids]


def _entry(job_id: str, account: str, found: dict[tuple[str, str], Any]) -> JobBrief | MissingJob:
    image = found.get((job_id, JOB))
    if image is None:
        return MissingJob(job_id=job_id, error="not_found")
    job = as_job(JobRow.from_raw_data(image))
    if job.account != account:
        return MissingJob(job_id=job_id, error="forbidden")
    reported = found.get((job_id, PROGRESS))
    return job_brief(job, as_progress(ProgressRow.from_raw_data(reported)) if reported else None)


def _items(job_ids: list[str]) -> dict[tuple[str, str], Any]:
    """The rows of these jobs and of their progress, by job and item, as DynamoDB writes them."""
    keys = [{"job_id": {"S": job_id}, "item": {"S": item}} for job_id in job_ids for item in (JOB, PROGRESS)]
    found: dict[tuple[str, str], Any] = {}
    for start in range(0, len(keys), _KEYS_A_CALL):
        for image in _batch(keys[start : start + _KEYS_A_CALL]):
            found[image["job_id"]["S"], image["item"]["S"]] = image
    return found


def _batch(keys: list[Any]) -> list[Any]:
    """One call, and more for what the table did not get to."""
    table, images = setting("JOBS_TABLE"), []
    for tried in range(_TRIES):
        wanted = {
            "Keys": keys,
            "ConsistentRead": True,
            "ProjectionExpression": ",".join(_NAMES),
            "ExpressionAttributeNames": _NAMES,
        }
        answer = _client().batch_get_item(RequestItems={table: wanted})
        images += answer["Responses"].get(table, [])
        keys = answer["UnprocessedKeys"].get(table, {}).get("Keys", [])
        if not keys:
            return images
        time.sleep(min(_LONGEST_PAUSE, 0.05 * 2**tried) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "keys stay unprocessed"}}, "BatchGetItem")


@cache
def _client() -> Any:
    return boto3.client("dynamodb")
