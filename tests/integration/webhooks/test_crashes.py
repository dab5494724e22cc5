"""Nothing is lost: functions die between any two of their writes, and events come twice and in any order."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.endpoint import Endpoint as Wire
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs.timestamps import rfc3339
from mediajobs.webhooks import endpoint_store
from tests.support.functions import load
from tests.support.webhook_receivers import Receiver, Request, answer, receiver
from tests.support.webhooks import Queues, WebhookSystem, webhook_system

pytestmark = pytest.mark.usefixtures("cloud")
runs = map(str, itertools.count())


class Killed(BaseException):
    """The function is gone: nothing of it runs any more, no handler and no `finally` does anything."""


class Chaos:
    """Before or after a call takes effect, it fails or kills the function, until it has done enough."""

    def __init__(self, seed: random.Random, most: int) -> None:
        self.seed, self.left = seed, most
        self.acting = self.dead = False

    @contextmanager
    def invocation(self) -> Iterator[None]:
        self.acting, self.dead = True, False
        try:
            yield
        finally:
            self.acting = False

    def around(self, call: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self._strike()
            answered = call(*arguments, **named)
            self._strike()
            return answered

        return wrapped

    def _strike(self) -> None:
        if not self.acting:
            return
        if self.dead:
            raise Killed
        if self.left and self.seed.random() < 0.15:
            self.left -= 1
            if self.seed.random() < 0.5:
                self.dead = True
                raise Killed
            raise EndpointConnectionError(endpoint_url="the cloud")


class Bus:
    """EventBridge: what is put comes to the queue, at least once."""

    def __init__(self, queues: Queues) -> None:
        self.queues = queues

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        (entry,) = Entries
        body = f'{{"detail-type": "{entry["DetailType"]}", "detail": {entry["Detail"]}}}'
        self.queues.send_message(QueueUrl="webhooks", MessageBody=body)
        return {"FailedEntryCount": 0, "Entries": [{}]}


class CrashingSystem(WebhookSystem):
    """The system, its outbox, and what goes wrong there."""

    def begin(self, chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chaos, self.outbox = chaos, load("outbox")
        self.queues.shuffle = chaos.seed
        bus = Bus(self.queues)
        monkeypatch.setenv("EVENT_BUS", "bus")
        monkeypatch.setattr(self.outbox, "_events", lambda: bus)
        monkeypatch.setattr(bus, "put_events", chaos.around(bus.put_events))
        monkeypatch.setattr(Wire, "make_request", chaos.around(Wire.make_request))
        for name in ("send_message", "send_message_batch"):
            monkeypatch.setattr(self.queues, name, chaos.around(getattr(self.queues, name)))

    def stream(self, records: list[dict[str, Any]]) -> None:
        """Each record until it has been handled; some of them once more, later."""
        waiting = records + self.chaos.seed.sample(records, len(records) // 2)
        self.chaos.seed.shuffle(waiting)
        while waiting:
            if self._published(waiting[0]):
                waiting.pop(0)

    def _published(self, record: dict[str, Any]) -> bool:
        try:
            with self.chaos.invocation():
                return not self.outbox.publish({"Records": [record]}, None)["batchItemFailures"]
        except (Killed, Exception):  # noqa: BLE001 - whatever ends the function: the stream gives the record again
            return False

    def _handled(self, handler: str, body: str) -> bool:
        try:
            with self.chaos.invocation():
                return super()._handled(handler, body)
        except Killed:
            return False

    def run_sweep(self) -> None:
        with suppress(Killed, Exception), self.chaos.invocation():  # the next minute brings the next sweep
            super().run_sweep()


def record(number: int, job_id: str, old: str, new: str, moment: str) -> dict[str, Any]:
    def image(status: str, version: int) -> dict[str, Any]:
        fields = {"item": "job", "job_id": job_id, "account": "acme", "filename": "a.mp4", "status": status}
        strings = {name: {"S": value} for name, value in (fields | {"updated_at": moment}).items()}
        return strings | {"version": {"N": str(version)}, "attempt": {"N": "1"}, "priority": {"N": "5"}}

    change = {"OldImage": image(old, number), "NewImage": image(new, number + 1), "SequenceNumber": str(number)}
    return {"eventID": str(number), "eventName": "MODIFY", "dynamodb": change}


@given(seed=st.integers(0, 2**32), faults=st.integers(6, 24))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_end_of_a_job_arrives_with_one_id_and_the_log_tells_the_truth(seed: int, faults: int) -> None:
    run, chance = next(runs), random.Random(seed)  # noqa: S311 - to be repeated, not to be secret

    def moody(connection: Any, request: Request) -> None:
        answer(503 if chance.random() < 0.2 else 200)(connection, request)

    with receiver(moody) as site, pytest.MonkeyPatch.context() as patch:
        plain = webhook_system(patch)
        system = CrashingSystem(plain.app, plain.clock, plain.queues)
        endpoints = [system.endpoint(f"{site.url}/{run}/{number}") for number in range(2)]
        system.begin(Chaos(chance, faults), patch)
        moment = rfc3339(system.clock.utc_now())
        ends = {f"{run}-{number}": end for number, end in enumerate(["completed", "failed", "cancelled"])}
        system.stream([record(2, job_id, "uploading", end, moment) for job_id, end in ends.items()])
        system.pass_time(timedelta(days=4), until=lambda: _all_delivered(system, endpoints, len(ends)))
        logs = {endpoint.url: system.deliveries(endpoint) for endpoint in endpoints}
        for endpoint in endpoints:  # the next example is another system
            endpoint_store.delete("acme", endpoint.webhook_id)

    for url, log in logs.items():
        assert {(each.job_id, each.event) for each in log} == {(job_id, f"job.{end}") for job_id, end in ends.items()}
        arrived = _arrived(site, url)
        for each in log:
            taken = [attempt for attempt in each.attempts if attempt.status == 200]
            answered = [attempt for attempt in each.attempts if attempt.status is not None]
            assert each.status == "delivered"
            assert taken
            assert len(answered) <= arrived[each.message_id] <= len(each.attempts)
            assert {attempt.error for attempt in each.attempts} <= {None, "refused", "interrupted"}
        assert set(arrived) == {each.message_id for each in log}
    assert len({each.message_id for log in logs.values() for each in log}) == len(ends)


def _all_delivered(system: CrashingSystem, endpoints: list[Any], count: int) -> bool:
    logs = [system.deliveries(endpoint) for endpoint in endpoints]
    return all(len(log) == count and all(each.status == "delivered" for each in log) for log in logs)


def _arrived(site: Receiver, url: str) -> Counter[str]:
    """How often each webhook-id came to this URL."""
    path = url.partition("/hook")[2]
    return Counter(request.headers["webhook-id"] for request in site.requests if request.line.split()[1].endswith(path))
