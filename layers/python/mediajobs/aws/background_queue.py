"""The queue of what takes longer than a request may. A chore may come twice, and late."""

import json
from functools import cache
from typing import Any

from mediajobs.aws import clients
from mediajobs.settings import setting


def enqueue_export(export_id: str) -> None:
    _send({"chore": "export", "export_id": export_id})


def enqueue_retry(walk: Any) -> None:
    """`walk`: JSON data, see stores.retries."""
    _send({"chore": "retry", "walk": walk})


def _send(chore: dict[str, Any]) -> None:
    _client().send_message(QueueUrl=setting("BACKGROUND_QUEUE"), MessageBody=json.dumps(chore))


@cache
def _client() -> Any:
    return clients.client("sqs")
