"""The workers' signs of life: one item of the Counters table, an attribute for each worker."""

from typing import Any

from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.health.report import Heartbeat
from mediajobs.settings import setting

_ITEM = {"name": {"S": "workers"}}


def note(client: Any, worker: str, sign: Heartbeat) -> None:
    """Gives the worker's sign, and clears away those of workers that are long gone."""
    answer = client.update_item(
        TableName=setting("COUNTERS_TABLE"),
        Key=_ITEM,
        UpdateExpression="SET #worker = :sign",
        ExpressionAttributeNames={"#worker": worker},
        ExpressionAttributeValues={":sign": {"S": sign.dump()}},
        ReturnValues="ALL_NEW",
    )
    for other, text in _texts(answer["Attributes"]).items():
        if other != worker and Heartbeat.load(text).is_expired(sign.seen):
            _clear(client, other, text)


def leave(client: Any, worker: str) -> None:
    """Takes the worker's sign back."""
    client.update_item(
        TableName=setting("COUNTERS_TABLE"),
        Key=_ITEM,
        UpdateExpression="REMOVE #worker",
        ExpressionAttributeNames={"#worker": worker},
    )


def alive(client: Any, now: float) -> list[Heartbeat]:
    """Of the workers that live. `now` in seconds since 1970."""
    answer = client.get_item(TableName=setting("COUNTERS_TABLE"), Key=_ITEM, ConsistentRead=True)
    signs = map(Heartbeat.load, _texts(answer.get("Item", {})).values())
    return [sign for sign in signs if sign.alive(now)]


def _clear(client: Any, worker: str, text: str) -> None:
    """Unless the worker has come back meanwhile."""
    write_if_allowed(
        lambda: client.update_item(
            TableName=setting("COUNTERS_TABLE"),
            Key=_ITEM,
            UpdateExpression="REMOVE #worker",
            ConditionExpression="#worker = :text",
            ExpressionAttributeNames={"#worker": worker},
            ExpressionAttributeValues={":text": {"S": text}},
        )
    )


def _texts(item: dict[str, Any]) -> dict[str, str]:
    return {name: value["S"] for name, value in item.items() if name not in _ITEM}
