"""Which accounts may have jobs to admit: item `waiting` of the counters table.

An account is *marked* before one of its jobs is queued. Only the sweep clears the mark: once it finds no queued job,
and the mark is older than an index may lag behind. So the sweep looks at the account again, whatever event is lost and
whichever process is killed.
An account is *deferred* while it waits for a slot that another job has to release. It is tried whenever one is free.
"""

from dataclasses import dataclass
from typing import Any

from mediajobs import clock
from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.settings import setting

_KEY = {"name": {"S": "waiting"}}
_MARK = "marked#"  # prefix of an attribute: with the account's name, when it was last marked, in ms since 1970
_MAX_INDEX_LAG = 60_000  # ms; the real lag is far shorter


@dataclass(frozen=True)
class WaitingAccounts:
    """`marked`: when each was last marked (ms since 1970), by account."""

    marked: dict[str, int]
    deferred: frozenset[str]

    @property
    def accounts(self) -> frozenset[str]:
        return self.deferred | self.marked.keys()


def read() -> WaitingAccounts:
    item = dynamodb.from_item(dynamodb.client().get_item(TableName=_table(), Key=_KEY, ConsistentRead=True).get("Item"))
    marked = {name.removeprefix(_MARK): int(value) for name, value in item.items() if name.startswith(_MARK)}
    return WaitingAccounts(marked, frozenset(item.get("deferred", ())))


def mark(account: str) -> None:
    """Is called before the job is queued: a marked account without queued jobs does no harm, the reverse would."""
    _update("SET #name = :now", _mark(account), {":now": {"N": str(clock.milliseconds())}})


def clear(account: str, marked: int) -> None:
    """Removes a mark, after no queued job was found. `marked`: its value, as read before the search.

    Changes nothing where the mark is too young to trust the index, or where the account was marked again.
    """
    if clock.milliseconds() - marked < _MAX_INDEX_LAG:
        return
    unchanged = {"ConditionExpression": "#name = :marked"}
    write_if_allowed(lambda: _update("REMOVE #name", _mark(account), {":marked": {"N": str(marked)}}, **unchanged))


def defer(account: str) -> None:
    _update("ADD #name :account", "deferred", {":account": {"SS": [account]}})


def undefer(account: str) -> None:
    _update("DELETE #name :account", "deferred", {":account": {"SS": [account]}})


def _mark(account: str) -> str:
    return f"{_MARK}{account}"


def _update(expression: str, name: str, values: dict[str, Any], **options: Any) -> None:
    dynamodb.client().update_item(
        TableName=_table(),
        Key=_KEY,
        UpdateExpression=expression,
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=values,
        **options,
    )


def _table() -> str:
    return setting("COUNTERS_TABLE")
