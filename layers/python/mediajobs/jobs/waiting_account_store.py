"""Which accounts may have jobs to admit, in one item.

An account is *noted* before a job of it comes to wait, and only the sweep forgets it: once it finds nothing, and the
note is older than what an index may lag behind. So whatever event is lost and whoever is killed, it looks again.
An account is *deferred* while it waits for a slot that somebody has to give back: it is asked whenever one is free.
"""

from dataclasses import dataclass
from typing import Any

from mediajobs import clock
from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.settings import setting

_KEY = {"name": {"S": "waiting"}}
_NOTED = "noted#"  # and the account: when it was noted last, in ms since 1970
_INDEX_LAGS = 60_000  # ms: by far more than it does


@dataclass(frozen=True)
class Waiting:
    """`noted`: by account, when."""

    noted: dict[str, int]
    deferred: frozenset[str]

    @property
    def accounts(self) -> frozenset[str]:
        return self.deferred | self.noted.keys()


def read() -> Waiting:
    item = dynamodb.from_item(dynamodb.client().get_item(TableName=_table(), Key=_KEY, ConsistentRead=True).get("Item"))
    noted = {name.removeprefix(_NOTED): int(value) for name, value in item.items() if name.startswith(_NOTED)}
    return Waiting(noted, frozenset(item.get("deferred", ())))


def mark(account: str) -> None:
    """Comes before the job is queued: an account without waiting jobs does no harm here, the reverse would."""
    _update("SET #name = :now", _marked(account), {":now": {"N": str(clock.milliseconds())}})


def clear(account: str, noted: int) -> None:
    """Nothing of it was found to wait. Changes nothing where that was too soon to know, or it was noted again."""
    if clock.milliseconds() - noted < _INDEX_LAGS:
        return
    unchanged = {"ConditionExpression": "#name = :noted"}
    write_if_allowed(lambda: _update("REMOVE #name", _marked(account), {":noted": {"N": str(noted)}}, **unchanged))


def defer(account: str) -> None:
    _update("ADD #name :account", "deferred", {":account": {"SS": [account]}})


def undefer(account: str) -> None:
    _update("DELETE #name :account", "deferred", {":account": {"SS": [account]}})


def _marked(account: str) -> str:
    return f"{_NOTED}{account}"


def _update(expression: str, name: str, values: dict[str, Any], **more: Any) -> None:
    dynamodb.client().update_item(
        TableName=_table(),
        Key=_KEY,
        UpdateExpression=expression,
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=values,
        **more,
    )


def _table() -> str:
    return setting("COUNTERS_TABLE")
