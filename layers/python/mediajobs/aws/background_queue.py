"""The queue of work that takes longer than a request may: `functions/background` does it.

A message may be delivered twice, and late.
"""

import json
from functools import cache
from typing import Any

from mediajobs.aws import clients
from mediajobs.settings import setting


def enqueue_export(export_id: str) -> None:
    """Asks for the next part of an export."""
    _send({"kind": "export", "export_id": export_id})


def enqueue_retry(walk: Any) -> None:
    """Asks for the next part of a bulk retry. `walk`: a `Walk` of `commands.bulk_retry_service` as JSON data."""
    _send({"kind": "retry", "walk": walk})


def _send(message: dict[str, Any]) -> None:
    _client().send_message(QueueUrl=setting("BACKGROUND_QUEUE"), MessageBody=json.dumps(message))


@cache
def _client() -> Any:
    return clients.client("sqs")
