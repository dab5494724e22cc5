"""The heartbeats of workers: one item of the Counters table, with an attribute for each worker."""

from typing import Any

from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.health.report import Heartbeat
from mediajobs.settings import setting

_ITEM = {"name": {"S": "workers"}}


def note(client: Any, worker: str, heartbeat: Heartbeat) -> None:
    """Writes the worker's heartbeat, and deletes expired heartbeats of other workers."""
    answer = client.update_item(
        TableName=setting("COUNTERS_TABLE"),
        Key=_ITEM,
        UpdateExpression="SET #worker = :heartbeat",
        ExpressionAttributeNames={"#worker": worker},
        ExpressionAttributeValues={":heartbeat": {"S": heartbeat.dump()}},
        ReturnValues="ALL_NEW",
    )
    for other, text in _texts(answer["Attributes"]).items():
        if other != worker and Heartbeat.load(text).is_expired(heartbeat.seen):
            _delete_expired(client, other, text)


def leave(client: Any, worker: str) -> None:
    """Deletes the heartbeat of a worker that stops."""
    client.update_item(
        TableName=setting("COUNTERS_TABLE"),
        Key=_ITEM,
        UpdateExpression="REMOVE #worker",
        ExpressionAttributeNames={"#worker": worker},
    )


def alive(client: Any, now: float) -> list[Heartbeat]:
    """Returns the heartbeats of the workers that are alive. `now` in seconds since 1970."""
    answer = client.get_item(TableName=setting("COUNTERS_TABLE"), Key=_ITEM, ConsistentRead=True)
    heartbeats = map(Heartbeat.load, _texts(answer.get("Item", {})).values())
    return [heartbeat for heartbeat in heartbeats if heartbeat.alive(now)]


def _delete_expired(client: Any, worker: str, text: str) -> None:
    """Deletes an expired heartbeat, unless the worker has written a new one."""
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
