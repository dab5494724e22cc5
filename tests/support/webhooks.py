"""The webhooks' functions around a clock that the test turns, with queues that keep its time."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base
from aws_lambda_powertools.utilities.circuit_breaker.persistence import base as kept
from aws_lambda_powertools.utilities.circuit_breaker.persistence import dynamodb

from mediajobs.aws import dynamodb as aws_dynamodb
from mediajobs.jobs.events import JobEvent
from mediajobs.settings import setting
from mediajobs.timestamps import rfc3339
from mediajobs.webhooks import attempt_queue, delivery_store, endpoint_store
from mediajobs.webhooks.delivery import Delivery
from mediajobs.webhooks.endpoints import EVENTS, Endpoint
from tests.support.clocks import Clock, stop_clock
from tests.support.functions import load

MINUTE = timedelta(minutes=1)
TICK: dict[str, Any] = {"detail": {}, "resources": []} | dict.fromkeys(
    ("version", "account", "region", "detail-type", "source", "time", "id"), ""
)


@dataclass
class Queues:
    """SQS by the test's clock: delays, at least once, in no order. `shuffle` also gives messages twice."""

    clock: Clock
    messages: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    shuffle: random.Random | None = None

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> dict[str, Any]:  # noqa: N803
        at = self.clock.utc_now() + timedelta(seconds=DelaySeconds)
        copies = 2 if self.shuffle and self.shuffle.random() < 0.3 else 1
        self.messages.setdefault(QueueUrl, []).extend([(at, MessageBody)] * copies)
        return {}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            self.send_message(
                QueueUrl=QueueUrl, MessageBody=entry["MessageBody"], DelaySeconds=entry.get("DelaySeconds", 0)
            )
        return {}

    def take(self, queue: str) -> str | None:
        """A message whose time has come; it is gone from the queue until it is put back."""
        ready = [each for each in self.messages.get(queue, []) if each[0] <= self.clock.utc_now()]
        if not ready:
            return None
        chosen = self.shuffle.choice(ready) if self.shuffle else min(ready)
        self.messages[queue].remove(chosen)
        return chosen[1]

    def next(self) -> datetime | None:
        return min((at for queue in self.messages.values() for at, _ in queue), default=None)


class WebhookSystem:
    """An account, its endpoints, and what happens to them."""

    def __init__(self, app: ModuleType, clock: Clock, queues: Queues) -> None:
        self.app, self.clock, self.queues = app, clock, queues

    def endpoint(self, url: str, account: str = "acme", events: tuple[str, ...] = EVENTS) -> Endpoint:
        return endpoint_store.create(account, url=url, events=events, now=self.clock.utc_now())

    def event(self, job_id: str = "J", status: str = "completed", version: int = 6, **more: Any) -> JobEvent:
        fields: dict[str, Any] = {"account": "acme", "attempt": 1, "priority": 5, "filename": "a.mp4", "batch_id": None}
        fields |= {"event_id": f"{job_id}-{version}", "updated_at": rfc3339(self.clock.utc_now()), "version": version}
        return JobEvent(job_id=job_id, status=status, **fields | more)

    def publish(self, event: JobEvent) -> None:
        """What the bus does."""
        body = json.dumps({"detail-type": event.name, "detail": event.model_dump()})
        self.queues.send_message(QueueUrl="webhooks", MessageBody=body)

    def process_messages(self) -> None:
        """Whatever is due now."""
        while self.process_message():
            pass

    def process_message(self) -> bool:
        """Handles one message, which comes again in a minute where that fails; False where there is none."""
        for queue, handler in (("webhooks", "fan_out"), ("attempts", "deliver")):
            body = self.queues.take(queue)
            if body is not None:
                if not self._handled(handler, body):
                    self.queues.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=60)
                return True
        return False

    def pass_time(self, span: timedelta, until: Callable[[], bool] = lambda: False) -> None:
        """From one moment at which something may happen to the next, the sweep's minutes among them."""
        end = self.clock.utc_now() + span
        self.process_messages()
        while self.clock.utc_now() < end and not until():
            sweep = self._due()
            moments = [moment for moment in (self.queues.next(), sweep) if moment is not None]
            self.clock.turn(min([*moments, end]))
            if sweep is not None and sweep <= self.clock.utc_now():
                self.run_sweep()
            self.process_messages()

    def run_sweep(self) -> None:
        """The minute's sweep."""
        self.app.enqueue_overdue(TICK, None)

    def deliveries(self, endpoint: Endpoint) -> list[Delivery]:
        """The oldest first."""
        found: list[Delivery] = []
        position: dict[str, Any] | None = None
        while True:
            page = delivery_store.page(endpoint.webhook_id, position=position)
            found, position = found + page.deliveries, page.next_position
            if position is None:
                return found[::-1]

    def _handled(self, handler: str, body: str) -> bool:
        try:
            answer = getattr(self.app, handler)({"Records": [message(body)]}, None)
        except Exception:  # noqa: BLE001 - a function that fails as a whole: its batch comes again
            return False
        return not answer["batchItemFailures"]

    def _due(self) -> datetime | None:
        """The first minute at which the sweep finds something."""
        items = aws_dynamodb.client().scan(TableName=setting("DELIVERIES_TABLE"))["Items"]
        moments = [int(item["due_at"]["N"]) / 1000 for item in items if "due_at" in item]
        if not moments:
            return None
        first = datetime.fromtimestamp(min(moments), UTC)
        return max(first.replace(second=0, microsecond=0) + MINUTE, self.clock.utc_now())


def message(body: str, message_id: str = "M") -> dict[str, Any]:
    """As Lambda gives it."""
    fields = dict.fromkeys(("receiptHandle", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion"), "")
    return fields | {"messageId": message_id, "body": body, "attributes": {}, "messageAttributes": {}}


def webhook_system(monkeypatch: pytest.MonkeyPatch) -> WebhookSystem:
    """In a `cloud`, with receivers on the loopback allowed."""
    clock = stop_clock(monkeypatch)
    queues = Queues(clock)
    app = load("webhooks")
    monkeypatch.setenv("ALLOW_PRIVATE_URLS", "true")
    monkeypatch.setenv("WEBHOOK_EVENTS_QUEUE", "webhooks")
    monkeypatch.setenv("WEBHOOK_ATTEMPTS_QUEUE", "attempts")
    monkeypatch.setattr(attempt_queue, "_client", lambda: queues)
    for module in (base, kept, dynamodb):
        monkeypatch.setattr(module, "dt", SimpleNamespace(datetime=SimpleNamespace(now=clock.utc_now)))
    return WebhookSystem(app, clock, queues)
