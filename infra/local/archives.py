"""MiniStack has archives and replays, and a CloudFormation that knows no AWS::Events::Archive: here it learns."""

import json
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

KIND = "AWS::Events::Archive"
_LONGEST_NAME = 48

_service: Any = eventbridge


def teach() -> None:
    handlers: Any = provisioners._RESOURCE_HANDLERS
    handlers[KIND] = {"create": _create, "update": _update, "delete": _delete}


def _create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    name = properties.get("ArchiveName") or f"{stack}-{logical_id}"[:_LONGEST_NAME]
    return name, _said(_service._create_archive({"ArchiveName": name, **_wanted(properties)}))


def _update(physical_id: str, _old: Any, properties: dict[str, Any], *_: Any) -> tuple[str, dict[str, str]]:
    return physical_id, _said(_service._update_archive({"ArchiveName": physical_id, **_wanted(properties)}))


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    _service._delete_archive({"ArchiveName": physical_id})


def _wanted(properties: dict[str, Any]) -> dict[str, Any]:
    pattern = properties.get("EventPattern", "")
    return {
        "EventSourceArn": properties["SourceArn"],
        "Description": properties.get("Description", ""),
        "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
        "RetentionDays": int(properties.get("RetentionDays", 0)),
    }


def _said(answer: Any) -> dict[str, str]:
    status, _headers, body = answer
    said = json.loads(body)
    if status != 200:
        raise ValueError(f"{KIND}: {said.get('message', said)}")
    return {"Arn": said["ArchiveArn"]}
