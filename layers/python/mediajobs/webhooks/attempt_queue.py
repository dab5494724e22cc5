"""The queue of attempts. A message only hints that a delivery may be due: it may be lost, late, or come twice."""

import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from mediajobs.aws import clients
from mediajobs.settings import setting

MAX_DELAY = 900  # seconds, SQS's own
A_CALL = 10  # hints, SQS's own


class DeliveryReference(NamedTuple):
    account: str
    webhook_id: str
    delivery_id: str


def send(hints: Sequence[DeliveryReference], *, delay: float = 0) -> None:
    """`delay` in seconds, at most 15 minutes. Rounded up: a hint that comes a moment early is dropped."""
    seconds = min(max(math.ceil(delay), 0), MAX_DELAY)
    for start in range(0, len(hints), A_CALL):
        entries = [
            {"Id": str(number), "MessageBody": json.dumps(hint._asdict()), "DelaySeconds": seconds}
            for number, hint in enumerate(hints[start : start + A_CALL])
        ]
        answer = _client().send_message_batch(QueueUrl=setting("WEBHOOK_ATTEMPTS_QUEUE"), Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"the queue refused a hint: {answer['Failed'][0].get('Code')}")


def read(body: str) -> DeliveryReference:
    return DeliveryReference(**json.loads(body))


def hand_on_recovery(webhook_id: str, since: str, place: dict[str, Any]) -> None:
    """What `deliveries.recover` has left to do, for whoever reads the queue of events. `since` in RFC 3339."""
    walk = {"webhook_id": webhook_id, "since": since, "place": place}
    _client().send_message(QueueUrl=setting("WEBHOOK_EVENTS_QUEUE"), MessageBody=json.dumps({"recover": walk}))


@cache
def _client() -> Any:
    return clients.client("sqs")
