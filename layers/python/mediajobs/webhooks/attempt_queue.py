"""The queue of attempts. A message only says that a delivery may be due: the delivery's row decides.

A message may be lost, late, or delivered twice. The rest of a long recovery goes to the queue of events.
"""

import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from mediajobs.aws import clients
from mediajobs.settings import setting

MAX_DELAY = 900  # seconds, SQS's limit
BATCH_SIZE = 10  # messages in a call, SQS's limit


class DeliveryReference(NamedTuple):
    account: str
    webhook_id: str
    delivery_id: str


def send(references: Sequence[DeliveryReference], *, delay: float = 0) -> None:
    """Sends a message for each delivery. `delay` is in seconds, at most 15 minutes.

    The delay is rounded up, because a message that arrives before its delivery is due has no effect. Raises
    RuntimeError if SQS refuses a message.
    """
    seconds = min(max(math.ceil(delay), 0), MAX_DELAY)
    for start in range(0, len(references), BATCH_SIZE):
        entries = [
            {"Id": str(number), "MessageBody": json.dumps(reference._asdict()), "DelaySeconds": seconds}
            for number, reference in enumerate(references[start : start + BATCH_SIZE])
        ]
        response = _client().send_message_batch(QueueUrl=setting("WEBHOOK_ATTEMPTS_QUEUE"), Entries=entries)
        if response.get("Failed"):
            raise RuntimeError(f"the queue refused a message: {response['Failed'][0].get('Code')}")


def read(body: str) -> DeliveryReference:
    return DeliveryReference(**json.loads(body))


def enqueue_recovery(webhook_id: str, since: str, position: dict[str, Any]) -> None:
    """Sends the rest of a recovery to the queue of events. `since` in RFC 3339; `position`: where the rest begins."""
    rest = {"webhook_id": webhook_id, "since": since, "position": position}
    _client().send_message(QueueUrl=setting("WEBHOOK_EVENTS_QUEUE"), MessageBody=json.dumps({"recover": rest}))


@cache
def _client() -> Any:
    return clients.client("sqs")
