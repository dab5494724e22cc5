"""The subscriptions to a job: items in the job's own partition of the jobs table.

The table's stream therefore has the changes of a job and its new subscriptions in one order. These items have no
attribute that is a key of an index of the table, so they are in no list of jobs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from mediajobs.aws import batch_items, dynamodb
from mediajobs.aws.batch_items import Image
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.jobs import job_store, progress_store
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import Progress
from mediajobs.jobs.tables import JOB, PROGRESS, JobRow, ProgressRow
from mediajobs.live_progress import connection_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.settings import setting

_PREFIX, _SNAPSHOT_SUFFIX, _LAST_SENT = "subscription#", "#snapshot", "last_sent"
NO_SEQUENCE = -1  # lower than every sequence; the event filter of BroadcastFunction names it
_LAST_SENT_SECONDS = 7 * 24 * 3600  # longer than a stream can be late


@dataclass(frozen=True)
class Subscription:
    """A connection's subscription to a job.

    `greeted_sequence` is the sequence of the first state that was sent to it, NO_SEQUENCE before. `snapshot_only`: it
    gets the present state here, and later ones as a subscriber of the whole account. `failed_pushes` counts the
    failures since the last successful push.
    """

    connection: Connection
    snapshot_only: bool = False
    failed_pushes: int = 0
    greeted_sequence: int = NO_SEQUENCE

    @property
    def item(self) -> str:
        """The sort key."""
        return f"{_PREFIX}{self.connection.connection_id}{_SNAPSHOT_SUFFIX if self.snapshot_only else ''}"


@dataclass
class Partition:
    """All items of a job. `last_sent_sequence`: of the last state that was sent to its subscribers."""

    job: Job | None = None
    progress: Progress | None = None
    last_sent_sequence: int = NO_SEQUENCE
    subscriptions: list[Subscription] = field(default_factory=list)


def of_job(job_id: str) -> Partition:
    """Reads all items of a job. One query, more if there are thousands of subscriptions."""
    pages = dynamodb.client().get_paginator("query").paginate(
        TableName=_table(),
        KeyConditionExpression="job_id = :job",
        ExpressionAttributeValues={":job": {"S": job_id}},
        ConsistentRead=True,
    )  # fmt: skip
    partition = Partition()
    for image in (image for page in pages for image in page["Items"]):
        item = image["item"]["S"]
        if item == JOB:
            partition.job = job_of(image)
        elif item == PROGRESS:
            partition.progress = progress_of(image)
        elif item == _LAST_SENT:
            partition.last_sent_sequence = int(image["sequence"]["N"])
        elif item.startswith(_PREFIX):
            partition.subscriptions.append(_subscription_of(image))
    return partition


def job_of(image: Image) -> Job:
    return job_store.as_job(JobRow.from_raw_data(image))


def progress_of(image: Image) -> Progress:
    return progress_store.as_progress(ProgressRow.from_raw_data(image))


def add(job_ids: Iterable[str], subscription: Subscription) -> None:
    """Adds a subscription to each job. A connection that has one already is greeted again."""
    batch_items.write(_table(), ({"PutRequest": {"Item": _image(job_id, subscription)}} for job_id in job_ids))


def mark_failed(job_id: str, subscription: Subscription) -> None:
    """Counts a failed push. This write is in the stream again, which leads to the next try."""
    add([job_id], replace(subscription, failed_pushes=subscription.failed_pushes + 1, greeted_sequence=NO_SEQUENCE))


def mark_greeted(job_id: str, subscription: Subscription, sequence: int) -> None:
    """Records the first state that was sent, unless the subscription was removed meanwhile."""
    _update(
        _key(job_id, subscription.item),
        UpdateExpression="SET greeted_sequence = :sequence, failed_pushes = :zero",
        ConditionExpression="attribute_exists(job_id)",
        ExpressionAttributeValues={":sequence": {"N": str(sequence)}, ":zero": {"N": "0"}},
    )


def remove(job_id: str, subscriptions: Iterable[Subscription]) -> None:
    _delete((job_id, subscription.item) for subscription in subscriptions)


def end(job_id: str, subscription: Subscription) -> bool:
    """Deletes a subscription. Returns False, and keeps it, if it was renewed since it was read."""
    return write_if_allowed(
        lambda: dynamodb.client().delete_item(
            TableName=_table(),
            Key=_key(job_id, subscription.item),
            ConditionExpression="attribute_not_exists(job_id) OR greeted_sequence = :greeted",
            ExpressionAttributeValues={":greeted": {"N": str(subscription.greeted_sequence)}},
        )
    )


def remove_from_jobs(connection_id: str, job_ids: Iterable[str]) -> None:
    """Deletes the subscriptions of a connection to these jobs."""
    _delete((job_id, f"{_PREFIX}{connection_id}") for job_id in job_ids)


def delete_connection(state: ConnectionState) -> None:
    """Deletes a connection and its subscriptions."""
    remove_from_jobs(state.connection.connection_id, state.job_ids)
    connection_store.delete(state)


def set_last_sent(job_id: str, sequence: int) -> None:
    """Records the sequence of the last state that was sent, unless a later one is recorded."""
    expires = connection_store.expiry() + _LAST_SENT_SECONDS
    _update(
        _key(job_id, _LAST_SENT),
        UpdateExpression="SET #sequence = :sequence, expires = :expires",
        ConditionExpression="attribute_not_exists(job_id) OR #sequence < :sequence",
        ExpressionAttributeNames={"#sequence": "sequence"},
        ExpressionAttributeValues={":sequence": {"N": str(sequence)}, ":expires": {"N": str(expires)}},
    )


def accounts_of(job_ids: Iterable[str]) -> dict[str, str]:
    """Returns the account of each existing job by its id. One call for every hundred ids."""
    keys = [_key(job_id, JOB) for job_id in job_ids]
    [images] = batch_items.read(batch_items.BatchRead(_table(), keys, ("job_id", "account"), consistent=True))
    return {image["job_id"]["S"]: image["account"]["S"] for image in images}


def _delete(pairs: Iterable[tuple[str, str]]) -> None:
    batch_items.write(_table(), ({"DeleteRequest": {"Key": _key(*pair)}} for pair in pairs))


def _update(key: Image, **expression: Any) -> None:
    write_if_allowed(lambda: dynamodb.client().update_item(TableName=_table(), Key=key, **expression))


def _table() -> str:
    return setting("JOBS_TABLE")


def _key(job_id: str, item: str) -> Image:
    return {"job_id": {"S": job_id}, "item": {"S": item}}


def _image(job_id: str, subscription: Subscription) -> Image:
    connection = subscription.connection
    attributes = {
        "connection": connection.connection_id,
        "owner": connection.account,  # not `account`, which is a key of the indexes of jobs
        "key_id": connection.key_id,
        "snapshot_only": subscription.snapshot_only,
        "failed_pushes": subscription.failed_pushes,
        "greeted_sequence": subscription.greeted_sequence,
        "expires": connection_store.expiry(),
    }
    return _key(job_id, subscription.item) | dynamodb.to_item(attributes)


def _subscription_of(image: Image) -> Subscription:
    item = dynamodb.from_item(image)
    connection = Connection(item["connection"], item["owner"], item["key_id"])
    return Subscription(connection, item["snapshot_only"], item["failed_pushes"], item["greeted_sequence"])
