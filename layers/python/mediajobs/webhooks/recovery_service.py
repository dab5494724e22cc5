"""Sends again all failed deliveries of a webhook since a moment, page by page.

What does not fit into a request goes on by messages in the queue of events, one page each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediajobs.timestamps import parse_rfc3339, rfc3339
from mediajobs.webhooks import attempt_queue, delivery_store

HasTime = Callable[[], bool]


@dataclass(frozen=True)
class Recovery:
    """`count`: deliveries that are sent again; `continues`: whether the rest follows by message."""

    count: int
    continues: bool


def recover(webhook_id: str, since: datetime, now: datetime, has_time: HasTime) -> Recovery:
    """Recovers a page, and as many more as `has_time()` allows. The rest is enqueued."""
    page = delivery_store.recover(webhook_id, since, now)
    count = page.count
    while page.next_position is not None and has_time():
        page = delivery_store.recover(webhook_id, since, now, position=page.next_position)
        count += page.count
    return Recovery(count, _enqueue_rest(webhook_id, since, page.next_position))


def resume(message: dict[str, Any], now: datetime) -> Recovery:
    """Recovers the page that a message of `attempt_queue.enqueue_recovery` names, and sends the next message."""
    webhook_id, since = message["webhook_id"], parse_rfc3339(message["since"])
    page = delivery_store.recover(webhook_id, since, now, position=message["position"])
    return Recovery(page.count, _enqueue_rest(webhook_id, since, page.next_position))


def _enqueue_rest(webhook_id: str, since: datetime, position: dict[str, Any] | None) -> bool:
    if position is None:
        return False
    attempt_queue.enqueue_recovery(webhook_id, rfc3339(since), position)
    return True
