"""Adds AWS::Events::Archive to MiniStack's CloudFormation, which lacks it; its EventBridge has archives and replays."""

import json
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

RESOURCE_TYPE = "AWS::Events::Archive"
_MAX_NAME_LENGTH = 48

_service: Any = eventbridge


def register_resource_type() -> None:
    handlers: Any = provisioners._RESOURCE_HANDLERS
    handlers[RESOURCE_TYPE] = {"create": _create, "update": _update, "delete": _delete}


def _create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    name = properties.get("ArchiveName") or f"{stack}-{logical_id}"[:_MAX_NAME_LENGTH]
    return name, _attributes(_service._create_archive({"ArchiveName": name, **_request(properties)}))


def _update(physical_id: str, _old: Any, properties: dict[str, Any], *_: Any) -> tuple[str, dict[str, str]]:
    response = _service._update_archive({"ArchiveName": physical_id, **_request(properties)})
    return physical_id, _attributes(response)


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    _service._delete_archive({"ArchiveName": physical_id})


def _request(properties: dict[str, Any]) -> dict[str, Any]:
    pattern = properties.get("EventPattern", "")
    return {
        "EventSourceArn": properties["SourceArn"],
        "Description": properties.get("Description", ""),
        "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
        "RetentionDays": int(properties.get("RetentionDays", 0)),
    }


def _attributes(response: Any) -> dict[str, str]:
    """The attributes for Fn::GetAtt. Raises ValueError, as MiniStack expects, if EventBridge refused the request."""
    status, _headers, body = response
    document = json.loads(body)
    if status != 200:
        raise ValueError(f"{RESOURCE_TYPE}: {document.get('message', document)}")
    return {"Arn": document["ArchiveArn"]}
