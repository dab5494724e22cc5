"""The counters of statistics: sums over the jobs of each block of time, and of each batch.

Events keep them up to date. An event only says which job to look at: what the job contributes now is compared with what
it was counted with (its *marker*), and the difference is added to its blocks in one transaction, on the condition that
the marker is unchanged. So the counters equal a recount although events come more than once and in any order. The
marker is read before the job, so that a slow handler can never undo a newer count.

A deleted job is taken out of the sums, except for what `counters.counts_of_deleted` leaves. Its last event carries what
it contributed, whatever was counted before: work that was used counts even if the job is deleted at once.
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
from mediajobs.settings import setting
from mediajobs.statistics import counters, time_blocks

# Several handlers write the blocks of a busy account at once. All pauses together, for each message of a batch, are
# well below the function's time-out.
_TRIES, _FIRST_PAUSE = 8, 0.02  # seconds
_WHOLE_BATCH = "all"  # the only block of a batch


@dataclass(frozen=True)
class _Marker:
    """What a job is counted with: its account and batch, when it was created (ms since 1970), what it contributes."""

    account: str
    batch_id: str | None
    created_ms: int
    counts: counters.Counts
    revision: int


def update_counters(job_id: str, event: JobEvent | None = None) -> bool:
    """Brings the counters up to date with the job. Returns whether anything had to be changed.

    `event`: why the job is looked at; the last one of a deleted job is needed for its counts.
    Raises Contention: then the event has to be delivered again.
    """
    for _ in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE):
        before = _read_marker(job_id)
        after = _next_marker(job_id, before, event)
        if after is None:
            return False
        delta = counters.difference(before.counts if before else {}, after.counts)
        if not delta:
            return False
        if _try_write(job_id, before, after, delta):
            return True
    raise Contention


def read(account: str, first: int, last: int) -> Counter[str]:
    """The account's sums over its jobs created from `first` to `last`, in ms since 1970. Two calls at most."""
    (images,) = batch_items.read(blocks_request(account, first, last))
    return sums_of(images)


def counts_of_job(job_id: str) -> Counter[str]:
    """What a job is counted with now; nothing before its first event."""
    marker = _read_marker(job_id)
    return Counter(marker.counts if marker else {})


def blocks_request(account: str, first: int, last: int) -> batch_items.BatchRead:
    """The read of these sums, for a batch read with others. `sums_of` takes its result."""
    keys = [_block_key(account, name) for name in time_blocks.blocks_between(first, last)]
    return batch_items.BatchRead(setting("STATISTICS_TABLE"), keys)


def batch_request(account: str, batch_id: str) -> batch_items.BatchRead:
    """The read of the sums over all jobs of a batch: one item."""
    return batch_items.BatchRead(setting("STATISTICS_TABLE"), [_batch_key(account, batch_id)])


def sums_of(images: Iterable[batch_items.Image]) -> Counter[str]:
    return counters.total_of(
        {name: int(value["N"]) for name, value in image.items() if "N" in value} for image in images
    )


def _next_marker(job_id: str, before: _Marker | None, event: JobEvent | None) -> _Marker | None:
    """What the job has to be counted with now; None where nothing has to be changed."""
    revision = before.revision + 1 if before else 1
    try:
        job = job_store.get(job_id)
    except NotFound:
        return _marker_of_deleted(job_id, before, event, revision)
    return _Marker(job.account, job.batch_id, _ms(job.created_at), contribution.counts_of(job), revision)


def _marker_of_deleted(job_id: str, before: _Marker | None, event: JobEvent | None, revision: int) -> _Marker | None:
    """What remains of a deleted job. It is decided once: a month later nobody knows any more if files were kept."""
    if before is not None and counters.has_deleted_job(before.counts):
        return None
    if event is not None and event.is_last and event.created_at is not None:
        files_kept = not cleanup_store.files_were_deleted(job_id)
        counts = counters.counts_of_deleted(event.counted, files_kept=files_kept)
        return _Marker(event.account, event.batch_id, _ms(event.created_at), counts, revision)
    return replace(before, counts={}, revision=revision) if before else None


def _ms(created_at: str) -> int:
    return timestamps.to_milliseconds(timestamps.parse_rfc3339(created_at))


def _read_marker(job_id: str) -> _Marker | None:
    key = _marker_key(job_id)
    item = _client().get_item(TableName=setting("STATISTICS_TABLE"), Key=key, ConsistentRead=True).get("Item")
    if item is None:
        return None
    return _Marker(
        account=item["account"]["S"],
        batch_id=item["batch_id"]["S"] if "batch_id" in item else None,
        created_ms=int(item["created_ms"]["N"]),
        counts=json.loads(item["counts"]["S"]),
        revision=int(item["revision"]["N"]),
    )


def _try_write(job_id: str, before: _Marker | None, after: _Marker, delta: dict[str, int]) -> bool:
    """Writes the marker and all blocks in one transaction. False where another handler was first."""
    keys = [_block_key(after.account, block) for block in time_blocks.blocks_of(after.created_ms)]
    if after.batch_id is not None:
        keys.append(_batch_key(after.account, after.batch_id))
    additions = [_add(key, delta) for key in keys]
    try:
        _client().transact_write_items(TransactItems=[_put_marker(job_id, before, after), *additions])
    except ClientError as error:
        if not lost_race(error):
            raise
        return False
    return True


def _put_marker(job_id: str, before: _Marker | None, after: _Marker) -> dict[str, Any]:
    item = _marker_key(job_id) | {
        "account": {"S": after.account},
        "created_ms": {"N": str(after.created_ms)},
        "counts": {"S": json.dumps(after.counts, sort_keys=True)},
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
    """An update that adds the difference to one block. Its names and values are numbered, as names have dots."""
    numbered = list(enumerate(delta.items()))
    return {
        "Update": {
            "TableName": setting("STATISTICS_TABLE"),
            "Key": key,
            "UpdateExpression": "ADD " + ", ".join(f"#{number} :{number}" for number, _ in numbered),
            "ExpressionAttributeNames": {f"#{number}": name for number, (name, _) in numbered},
            "ExpressionAttributeValues": {f":{number}": {"N": str(amount)} for number, (_, amount) in numbered},
        }
    }


def _block_key(account: str, block: str) -> batch_items.Image:
    return {"owner": {"S": f"account#{account}"}, "block": {"S": block}}


def _batch_key(account: str, batch_id: str) -> batch_items.Image:
    return {"owner": {"S": f"batch#{account}#{batch_id}"}, "block": {"S": _WHOLE_BATCH}}


def _marker_key(job_id: str) -> batch_items.Image:
    return {"owner": {"S": f"job#{job_id}"}, "block": {"S": "marker"}}


def _client() -> Any:
    return dynamodb.client()
