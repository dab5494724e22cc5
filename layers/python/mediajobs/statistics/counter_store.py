"""The counters that statistics are read from: fed by the bus, equal to a recount after copies and in any order.

An event only says which job to look at. What the job adds now is compared with what it was counted with (its marker),
and the difference goes to its blocks in one transaction, on the condition that the marker is still the same. The marker
is read before the job: so a slow handler can never take a newer count back.

A deleted job is taken out, but for what `tallies.of_deleted` leaves of it. Its last event knows what that is, whatever
was counted before: so whoever deletes quickly has still used what he used.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from mediajobs import timestamps
from mediajobs.aws import backoff, batch_items, dynamodb
from mediajobs.aws.conditional_writes import lost_race
from mediajobs.errors import Contention, NotFound
from mediajobs.jobs import cleanup_store, contribution, job_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.model import Job
from mediajobs.settings import setting
from mediajobs.statistics import counters, time_blocks
from mediajobs.timestamps import parse

# The blocks of a busy account are written by several handlers at once. All pauses, for each message of a batch, are
# well within the function's time.
_TRIES, _FIRST_PAUSE = 8, 0.02  # seconds
_ALL = "all"  # a batch's only block


@dataclass(frozen=True)
class _Marker:
    """With what a job is counted: its account and batch, its moment of creation (ms since 1970), what it adds."""

    account: str
    batch_id: str | None
    moment: int
    tally: counters.Counts
    revision: int


def update_counters(job_id: str, told: JobEvent | None = None) -> bool:
    """Brings the counters up to date with the job, on account of an event. Whether anything had to be done.

    Raises Contention: then the event is to come again.
    """
    for _ in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE):
        marker = _marker(job_id)
        after = _present(job_id, marker, told)
        if after is None:
            return False
        delta = counters.difference(marker.tally if marker else {}, after.tally)
        if not delta:
            return False
        if _written(job_id, marker, after, delta):
            return True
    raise Contention


def read(account: str, first: int, last: int) -> Counter[str]:
    """The account's sums over its jobs created from `first` to `last`, in ms since 1970. Two calls at most."""
    (images,) = batch_items.read(wanted(account, first, last))
    return sums(images)


def wanted(account: str, first: int, last: int) -> batch_items.BatchRead:
    """The same, to be read together with something else."""
    keys = [_block_key(account, name) for name in time_blocks.blocks_between(first, last)]
    return batch_items.BatchRead(setting("STATISTICS_TABLE"), keys)


def wanted_of_batch(account: str, batch_id: str) -> batch_items.BatchRead:
    """The sums over all jobs of a batch: one item."""
    return batch_items.BatchRead(setting("STATISTICS_TABLE"), [_batch_key(account, batch_id)])


def sums(images: Iterable[batch_items.Image]) -> Counter[str]:
    return counters.total_of(
        {name: int(value["N"]) for name, value in image.items() if "N" in value} for image in images
    )


def _marker(job_id: str) -> _Marker | None:
    item = (
        _client()
        .get_item(TableName=setting("STATISTICS_TABLE"), Key=_marker_key(job_id), ConsistentRead=True)
        .get("Item")
    )
    if item is None:
        return None
    return _Marker(
        account=item["account"]["S"],
        batch_id=item["batch_id"]["S"] if "batch_id" in item else None,
        moment=int(item["moment"]["N"]),
        tally=json.loads(item["tally"]["S"]),
        revision=int(item["revision"]["N"]),
    )


def _present(job_id: str, marker: _Marker | None, told: JobEvent | None) -> _Marker | None:
    """What the job is to be counted with now; None where nothing is to be changed."""
    revision = marker.revision + 1 if marker else 1
    try:
        job: Job = job_store.get(job_id)
    except NotFound:
        return _past(job_id, marker, told, revision)
    return _Marker(job.account, job.batch_id, _moment(job.created_at), contribution.counts_of(job), revision)


def _past(job_id: str, marker: _Marker | None, told: JobEvent | None, revision: int) -> _Marker | None:
    """What is left of a deleted job. It stays as it was found once: who asks a month later learns nothing of files."""
    if marker is not None and counters.is_deleted_account(marker.tally):
        return None
    if told is not None and told.is_last and told.created_at is not None:
        left = counters.counts_of_deleted(told.counted, files_kept=not cleanup_store.files_were_deleted(job_id))
        return _Marker(told.account, told.batch_id, _moment(told.created_at), left, revision)
    return replace(marker, tally={}, revision=revision) if marker else None


def _moment(created_at: str) -> int:
    return timestamps.milliseconds(parse(created_at))


def _written(job_id: str, before: _Marker | None, after: _Marker, delta: dict[str, int]) -> bool:
    """Whether the marker and all blocks were written, or somebody else was quicker."""
    keys = [_block_key(after.account, block) for block in time_blocks.blocks_of(after.moment)]
    if after.batch_id is not None:
        keys.append(_batch_key(after.account, after.batch_id))
    changes = [_add(key, delta) for key in keys]
    try:
        _client().transact_write_items(TransactItems=[_put_marker(job_id, before, after), *changes])
    except ClientError as error:
        if not lost_race(error):
            raise
        return False
    return True


def _put_marker(job_id: str, before: _Marker | None, after: _Marker) -> dict[str, Any]:
    item = _marker_key(job_id) | {
        "account": {"S": after.account},
        "moment": {"N": str(after.moment)},
        "tally": {"S": json.dumps(after.tally, sort_keys=True)},
        "revision": {"N": str(after.revision)},
    }
    if after.batch_id is not None:
        item["batch_id"] = {"S": after.batch_id}
    put: dict[str, Any] = {"TableName": setting("STATISTICS_TABLE"), "Item": item}
    if before is None:
        put["ConditionExpression"] = "attribute_not_exists(revision)"
    else:
        put["ConditionExpression"] = "revision = :before"
        put["ExpressionAttributeValues"] = {":before": {"N": str(before.revision)}}
    return {"Put": put}


def _add(key: batch_items.Image, delta: dict[str, int]) -> dict[str, Any]:
    places = {f"#{number}": name for number, name in enumerate(delta)}
    return {
        "Update": {
            "TableName": setting("STATISTICS_TABLE"),
            "Key": key,
            "UpdateExpression": "ADD " + ", ".join(f"{place} :{place[1:]}" for place in places),
            "ExpressionAttributeNames": places,
            "ExpressionAttributeValues": {f":{place[1:]}": {"N": str(delta[name])} for place, name in places.items()},
        }
    }


def _block_key(account: str, block: str) -> batch_items.Image:
    return {"owner": {"S": f"account#{account}"}, "block": {"S": block}}


def _batch_key(account: str, batch_id: str) -> batch_items.Image:
    return {"owner": {"S": f"batch#{account}#{batch_id}"}, "block": {"S": _ALL}}


def _marker_key(job_id: str) -> batch_items.Image:
    return {"owner": {"S": f"job#{job_id}"}, "block": {"S": "marker"}}


def _client() -> Any:
    return dynamodb.dynamodb()
