"""Who listens to a job: items in the job's own partition of the Jobs table.

So the stream of the table tells in one order what happens to a job and who has begun to listen to it. None of them has
an attribute that an index of the table knows.
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

_LISTENER, _ONCE, _TOLD = "listener#", "#once", "told"
NO_SEQUENCE = -1  # a sequence before all; the filter of the stream's reader knows it
_TOLD_SECONDS = 7 * 24 * 3600  # longer than a stream can be late


@dataclass(frozen=True)
class Subscription:
    """`heard` is the sequence of the state that it was greeted with, NOTHING before. `once`: it hears of the rest as
    one who listens to the whole account. `owed` counts the pushes that failed since the last one that did not."""

    connection: Connection
    snapshot_only: bool = False
    failed_pushes: int = 0
    greeted_sequence: int = NO_SEQUENCE

    @property
    def item(self) -> str:
        return f"{_LISTENER}{self.connection.connection_id}{_ONCE if self.snapshot_only else ''}"


@dataclass
class Partition:
    """All that stands with a job. `told`: the sequence of the last state that was told to those who listen."""

    job: Job | None = None
    progress: Progress | None = None
    last_sent_sequence: int = NO_SEQUENCE
    subscriptions: list[Subscription] = field(default_factory=list)


def of_job(job_id: str) -> Partition:
    """One query; a second one where thousands listen."""
    found = Partition()
    pages = dynamodb.client().get_paginator("query").paginate(
        TableName=_table(),
        KeyConditionExpression="job_id = :job",
        ExpressionAttributeValues={":job": {"S": job_id}},
        ConsistentRead=True,
    )  # fmt: skip
    for image in (image for page in pages for image in page["Items"]):
        item = image["item"]["S"]
        if item == JOB:
            found.job = job_of(image)
        elif item == PROGRESS:
            found.progress = progress_of(image)
        elif item == _TOLD:
            found.last_sent_sequence = int(image["sequence"]["N"])
        elif item.startswith(_LISTENER):
            found.subscriptions.append(_listener(image))
    return found


def job_of(image: Image) -> Job:
    return job_store.as_job(JobRow.from_raw_data(image))


def progress_of(image: Image) -> Progress:
    return progress_store.as_progress(ProgressRow.from_raw_data(image))


def add(job_ids: Iterable[str], listener: Subscription) -> None:
    """From now on; whoever did so already is greeted anew."""
    batch_items.write(_table(), ({"PutRequest": {"Item": _image(job_id, listener)}} for job_id in job_ids))


def mark_failed(job_id: str, listener: Subscription) -> None:
    """It is told again, by way of the stream."""
    add([job_id], replace(listener, failed_pushes=listener.failed_pushes + 1, greeted_sequence=NO_SEQUENCE))


def mark_greeted(job_id: str, listener: Subscription, sequence: int) -> None:
    """Unless it has gone meanwhile."""
    _update(
        _key(job_id, listener.item),
        UpdateExpression="SET heard = :sequence, owed = :none",
        ConditionExpression="attribute_exists(job_id)",
        ExpressionAttributeValues={":sequence": {"N": str(sequence)}, ":none": {"N": "0"}},
    )


def remove(job_id: str, listeners: Iterable[Subscription]) -> None:
    _delete((job_id, listener.item) for listener in listeners)


def end(job_id: str, listener: Subscription) -> bool:
    """Unless it has begun to listen anew since it was read."""
    return write_if_allowed(
        lambda: dynamodb.client().delete_item(
            TableName=_table(),
            Key=_key(job_id, listener.item),
            ConditionExpression="attribute_not_exists(job_id) OR heard = :heard",
            ExpressionAttributeValues={":heard": {"N": str(listener.greeted_sequence)}},
        )
    )


def remove_from_jobs(connection_id: str, job_ids: Iterable[str]) -> None:
    _delete((job_id, f"{_LISTENER}{connection_id}") for job_id in job_ids)


def delete_connection(known: ConnectionState) -> None:
    """Everything that is kept of a connection that is gone."""
    remove_from_jobs(known.connection.connection_id, known.job_ids)
    connection_store.delete(known)


def set_last_sent(job_id: str, sequence: int) -> None:
    """Unless somebody told of a later state."""
    expires = connection_store.expiry() + _TOLD_SECONDS
    _update(
        _key(job_id, _TOLD),
        UpdateExpression="SET #sequence = :sequence, expires = :expires",
        ConditionExpression="attribute_not_exists(job_id) OR #sequence < :sequence",
        ExpressionAttributeNames={"#sequence": "sequence"},
        ExpressionAttributeValues={":sequence": {"N": str(sequence)}, ":expires": {"N": str(expires)}},
    )


def accounts_of(job_ids: Iterable[str]) -> dict[str, str]:
    """The accounts of those jobs that there are, a hundred ids to a call."""
    keys = [_key(job_id, JOB) for job_id in job_ids]
    [found] = batch_items.read(batch_items.BatchRead(_table(), keys, ("job_id", "account"), consistent=True))
    return {image["job_id"]["S"]: image["account"]["S"] for image in found}


def _delete(pairs: Iterable[tuple[str, str]]) -> None:
    batch_items.write(_table(), ({"DeleteRequest": {"Key": _key(*pair)}} for pair in pairs))


def _update(key: Image, **expression: Any) -> None:
    write_if_allowed(lambda: dynamodb.client().update_item(TableName=_table(), Key=key, **expression))


def _table() -> str:
    return setting("JOBS_TABLE")


def _key(job_id: str, item: str) -> Image:
    return {"job_id": {"S": job_id}, "item": {"S": item}}


def _image(job_id: str, listener: Subscription) -> Image:
    its = listener.connection
    # Not `account`: that would put it into the lists of jobs.
    about = {"connection": {"S": its.connection_id}, "owner": {"S": its.account}, "key_id": {"S": its.key_id}}
    more = {
        "once": {"BOOL": listener.snapshot_only},
        "owed": {"N": str(listener.failed_pushes)},
        "heard": {"N": str(listener.greeted_sequence)},
    }
    return _key(job_id, listener.item) | about | more | {"expires": {"N": str(connection_store.expiry())}}


def _listener(image: Image) -> Subscription:
    connection = Connection(image["connection"]["S"], image["owner"]["S"], image["key_id"]["S"])
    return Subscription(connection, image["once"]["BOOL"], int(image["owed"]["N"]), int(image["heard"]["N"]))
