"""Many items by their keys, of several tables in one call."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from mediajobs.aws import backoff, dynamodb

_KEYS_A_CALL, _WRITES_A_CALL = 100, 25  # DynamoDB's limits
_TRIES = 8
_FIRST_PAUSE, _MAX_PAUSE = 0.05, 1.0  # seconds, while the tables are busy
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
    for _ in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE, max_pause=_MAX_PAUSE):
        request = _client().batch_write_item(RequestItems=request).get("UnprocessedItems")
        if not request:
            return
    raise _busy("BatchWriteItem")


def _answers(pairs: list[tuple[BatchRead, Image]]) -> Iterator[tuple[str, list[Image]]]:
    """One call, and more for what the tables did not get to."""
    request: Any = {}
    for wanted, key in pairs:
        request.setdefault(wanted.table, _options(wanted) | {"Keys": []})["Keys"].append(key)
    for _ in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE, max_pause=_MAX_PAUSE):
        answer = _client().batch_get_item(RequestItems=request)
        yield from answer["Responses"].items()
        request = answer.get("UnprocessedKeys")
        if not request:
            return
    raise _busy("BatchGetItem")


def _busy(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "keys stay unprocessed"}}, operation)


def _options(wanted: BatchRead) -> dict[str, Any]:
    options: dict[str, Any] = {"ConsistentRead": wanted.consistent}
    if wanted.attributes:
        names = {f"#{number}": name for number, name in enumerate(wanted.attributes)}
        options |= {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
    return options


def _client() -> Any:
    return dynamodb.client()
