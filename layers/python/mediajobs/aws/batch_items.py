"""Batch reads and writes of DynamoDB: many items by their keys, reads of several tables in one call."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from mediajobs.aws import backoff, dynamodb

_MAX_KEYS, _MAX_WRITES = 100, 25  # in a call: DynamoDB's limits
_TRIES = 8
_FIRST_PAUSE, _MAX_PAUSE = 0.05, 1.0  # seconds, while a table is throttled
Image = dict[str, Any]  # an item, or its key, as DynamoDB writes it


@dataclass(frozen=True)
class BatchRead:
    """A read of items of one table, by distinct keys. `attributes` is the projection; empty for all attributes."""

    table: str
    keys: Sequence[Image]
    attributes: tuple[str, ...] = ()
    consistent: bool = False


def read(*reads: BatchRead) -> list[list[Image]]:
    """Returns the existing items for each read, in any order. Makes one call for every hundred keys.

    No two reads may be of the same table. Raises ClientError.
    """
    items: dict[str, list[Image]] = {request.table: [] for request in reads}
    pairs = ((request, key) for request in reads for key in request.keys)
    while batch := list(itertools.islice(pairs, _MAX_KEYS)):
        for table, images in _read_batch(batch):
            items[table] += images
    return [items[request.table] for request in reads]


def write(table: str, requests: Iterable[Image]) -> None:
    """Puts and deletes items, each key once. The writes are not one transaction. Raises ClientError."""
    remaining = iter(requests)
    while batch := list(itertools.islice(remaining, _MAX_WRITES)):
        _write_batch({table: batch})


def _write_batch(request: Any) -> None:
    for _ in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE, max_pause=_MAX_PAUSE):
        request = dynamodb.client().batch_write_item(RequestItems=request).get("UnprocessedItems")
        if not request:
            return
    raise _throttled("BatchWriteItem")


def _read_batch(pairs: list[tuple[BatchRead, Image]]) -> Iterator[tuple[str, list[Image]]]:
    """Yields tables and items: of one call, and of further calls for keys that stayed unprocessed."""
    request: Any = {}
    for read, key in pairs:
        request.setdefault(read.table, _options(read) | {"Keys": []})["Keys"].append(key)
    for _ in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE, max_pause=_MAX_PAUSE):
        response = dynamodb.client().batch_get_item(RequestItems=request)
        yield from response["Responses"].items()
        request = response.get("UnprocessedKeys")
        if not request:
            return
    raise _throttled("BatchGetItem")


def _throttled(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "keys stay unprocessed"}}, operation)


def _options(read: BatchRead) -> dict[str, Any]:
    options: dict[str, Any] = {"ConsistentRead": read.consistent}
    if read.attributes:
        names = {f"#{number}": name for number, name in enumerate(read.attributes)}
        options |= {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
    return options
