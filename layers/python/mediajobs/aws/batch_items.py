"""Many items by their keys, of several tables in one call."""

import itertools
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from mediajobs.aws import dynamodb

_KEYS_A_CALL, _WRITES_A_CALL = 100, 25  # DynamoDB's limits
_TRIES = 8
_MAX_PAUSE = 1.0  # seconds
Image = dict[str, Any]  # an item, or its key, as DynamoDB writes it


@dataclass(frozen=True)
class BatchRead:
    """Items of one table; each key once. `attributes`: which of theirs, empty for all."""

    table: str
    keys: Sequence[Image]
    attributes: tuple[str, ...] = ()
    consistent: bool = False


def read(*wanted: BatchRead) -> list[list[Image]]:
    """What is there of each, in any order: one call for each hundred keys. Raises ClientError.

    No two may be of the same table.
    """
    found: dict[str, list[Image]] = {each.table: [] for each in wanted}
    pairs = ((each, key) for each in wanted for key in each.keys)
    while some := list(itertools.islice(pairs, _KEYS_A_CALL)):
        for table, images in _answers(some):
            found[table] += images
    return [found[each.table] for each in wanted]


def write(table: str, requests: Iterable[Image]) -> None:
    """Puts and deletes items, each key once; all of them, but not at once. Raises ClientError."""
    left = iter(requests)
    while some := list(itertools.islice(left, _WRITES_A_CALL)):
        _write({table: some})


def _write(request: Any) -> None:
    for tried in range(_TRIES):
        request = _client().batch_write_item(RequestItems=request).get("UnprocessedItems")
        if not request:
            return
        _pause(tried)
    raise _busy("BatchWriteItem")


def _answers(pairs: list[tuple[BatchRead, Image]]) -> Iterator[tuple[str, list[Image]]]:
    """One call, and more for what the tables did not get to."""
    request: Any = {}
    for wanted, key in pairs:
        request.setdefault(wanted.table, _options(wanted) | {"Keys": []})["Keys"].append(key)
    for tried in range(_TRIES):
        answer = _client().batch_get_item(RequestItems=request)
        yield from answer["Responses"].items()
        request = answer.get("UnprocessedKeys")
        if not request:
            return
        _pause(tried)
    raise _busy("BatchGetItem")


def _busy(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "keys stay unprocessed"}}, operation)


def _pause(tried: int) -> None:
    """Before the table is asked again: longer each time, and not in step with others."""
    time.sleep(min(_MAX_PAUSE, 0.05 * 2**tried) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def _options(wanted: BatchRead) -> dict[str, Any]:
    options: dict[str, Any] = {"ConsistentRead": wanted.consistent}
    if wanted.attributes:
        names = {f"#{number}": name for number, name in enumerate(wanted.attributes)}
        options |= {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
    return options


def _client() -> Any:
    return dynamodb.dynamodb()
