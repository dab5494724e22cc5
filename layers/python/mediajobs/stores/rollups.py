"""The counters that statistics are read from: fed by the bus, equal to a recount after copies and in any order.

An event only says which job to look at. What the job adds now is compared with what it was counted with (its marker),
and the difference goes to its blocks in one transaction, on the condition that the marker is still the same. The marker
is read before the job: so a slow handler can never take a newer count back.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from mediajobs import tallies
from mediajobs.errors import Conflict, NotFound
from mediajobs.jobs import Job
from mediajobs.stores import jobs
from mediajobs.stores.environment import setting
from mediajobs.times import parse

_TRIES = 8  # the blocks of a busy account are written by several handlers at once
_KEYS_A_CALL = 100
_READS = 4  # DynamoDB may leave keys over


@dataclass(frozen=True)
class _Marker:
    """With what a job is counted: its account, its moment of creation (ms since 1970), what it adds."""

    account: str
    moment: int
    tally: tallies.Tally
    revision: int


def count(job_id: str) -> bool:
    """Brings the counters up to date with the job; a deleted one is taken out. Whether anything had to be done.

    Raises Conflict when others kept writing the same counters: then the event is to come again.
    """
    for tried in range(_TRIES):
        marker = _marker(job_id)
        after = _present(job_id, marker)
        if after is None:
            return False
        delta = tallies.change(marker.tally if marker else {}, after.tally)
        if not delta:
            return False
        if _written(job_id, marker, after, delta):
            return True
        time.sleep(0.02 * 2**tried)
    raise Conflict(f"The counters of job {job_id} are busy. Try again.")


def read(account: str, first: int, last: int) -> Counter[str]:
    """The account's sums over its jobs created from `first` to `last`, in ms since 1970. Two calls at most."""
    names = list(tallies.cover(first, last))
    pages = (names[start : start + _KEYS_A_CALL] for start in range(0, len(names), _KEYS_A_CALL))
    return tallies.added(tally for page in pages for tally in _blocks(account, page))


def _marker(job_id: str) -> _Marker | None:
    item = (
        _client().get_item(TableName=setting("TALLIES_TABLE"), Key=_marker_key(job_id), ConsistentRead=True).get("Item")
    )
    if item is None:
        return None
    return _Marker(
        account=item["account"]["S"],
        moment=int(item["moment"]["N"]),
        tally=json.loads(item["tally"]["S"]),
        revision=int(item["revision"]["N"]),
    )


def _present(job_id: str, marker: _Marker | None) -> _Marker | None:
    """What the job is to be counted with now; None where it was never counted and is gone."""
    revision = marker.revision + 1 if marker else 1
    try:
        job: Job = jobs.get(job_id)
    except NotFound:
        return _Marker(marker.account, marker.moment, {}, revision) if marker else None
    return _Marker(job.account, tallies.milliseconds(parse(job.created_at)), tallies.of_job(job), revision)


def _written(job_id: str, before: _Marker | None, after: _Marker, delta: dict[str, int]) -> bool:
    """Whether the marker and all blocks were written, or somebody else was quicker."""
    changes = [_add(after.account, block, delta) for block in tallies.blocks_of(after.moment)]
    try:
        _client().transact_write_items(TransactItems=[_put_marker(job_id, before, after), *changes])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("TransactionCanceledException", "TransactionConflictException"):
            return False
        raise
    return True


def _put_marker(job_id: str, before: _Marker | None, after: _Marker) -> dict[str, Any]:
    item = _marker_key(job_id) | {
        "account": {"S": after.account},
        "moment": {"N": str(after.moment)},
        "tally": {"S": json.dumps(after.tally, sort_keys=True)},
        "revision": {"N": str(after.revision)},
    }
    put: dict[str, Any] = {"TableName": setting("TALLIES_TABLE"), "Item": item}
    if before is None:
        put["ConditionExpression"] = "attribute_not_exists(revision)"
    else:
        put["ConditionExpression"] = "revision = :before"
        put["ExpressionAttributeValues"] = {":before": {"N": str(before.revision)}}
    return {"Put": put}


def _add(account: str, block: str, delta: dict[str, int]) -> dict[str, Any]:
    places = {f"#{number}": name for number, name in enumerate(delta)}
    return {
        "Update": {
            "TableName": setting("TALLIES_TABLE"),
            "Key": _block_key(account, block),
            "UpdateExpression": "ADD " + ", ".join(f"{place} :{place[1:]}" for place in places),
            "ExpressionAttributeNames": places,
            "ExpressionAttributeValues": {f":{place[1:]}": {"N": str(delta[name])} for place, name in places.items()},
        }
    }


def _blocks(account: str, names: Sequence[str]) -> Iterator[tallies.Tally]:
    table = setting("TALLIES_TABLE")
    wanted: Any = {table: {"Keys": [_block_key(account, name) for name in names]}}
    for tried in range(_READS):
        answer = _client().batch_get_item(RequestItems=wanted)
        for item in answer["Responses"].get(table, []):
            yield {name: int(value["N"]) for name, value in item.items() if "N" in value}
        wanted = answer.get("UnprocessedKeys")
        if not wanted:
            return
        time.sleep(0.05 * 2**tried)
    raise Conflict("The statistics are busy. Try again.")


def _block_key(account: str, block: str) -> dict[str, Any]:
    return {"owner": {"S": f"account#{account}"}, "block": {"S": block}}


def _marker_key(job_id: str) -> dict[str, Any]:
    return {"owner": {"S": f"job#{job_id}"}, "block": {"S": "marker"}}


@cache
def _client() -> Any:
    return boto3.client("dynamodb")
