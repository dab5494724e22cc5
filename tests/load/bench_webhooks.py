"""Does a dead receiver slow down live ones? `python -m tests.load.bench_webhooks [EVENTS]`.

Nine live receivers, with and without a tenth that takes connections and never answers, in turn and in one run. Twenty
workers run the functions' own code on real sockets; the tables are the emulator's, the queue is one in this process.
"""

import json
import os
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from infra.local import emulator, processes
from infra.local.ports import free_port
from infra.local.stack_folder import StackFolder
from mediajobs.jobs.events import JobEvent
from mediajobs.timestamps import rfc3339
from mediajobs.webhooks import attempt_queue, delivery_service, endpoint_store, fan_out_service, send_rate_store
from mediajobs.webhooks.endpoints import Endpoint
from tests.support import webhook_receivers
from tests.support.template import make_tables
from tests.support.webhook_receivers import Request, receiver

WORKERS = 20
ROUNDS = 2  # of each kind, in turn
LIVE = 9
MOST_SECONDS = 600.0


class Messages:
    """The queue of events and attempts, with delays."""

    def __init__(self) -> None:
        self._waiting: queue.PriorityQueue[tuple[float, int, str]] = queue.PriorityQueue()
        self._number = 0
        self._lock = threading.Lock()

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        for entry in Entries:
            self.put(entry["MessageBody"], entry["DelaySeconds"])
        return {}

    def put(self, body: str, delay: float = 0) -> None:
        with self._lock:
            self._number += 1
            self._waiting.put((time.monotonic() + delay, self._number, body))

    def take(self) -> str | None:
        try:
            due, number, body = self._waiting.get(timeout=0.1)
        except queue.Empty:
            return None
        if due <= time.monotonic():
            return body
        self._waiting.put((due, number, body))
        time.sleep(0.01)
        return None


class Arrivals:
    """When live receivers got what."""

    def __init__(self, count: int) -> None:
        self.moments: list[float] = []
        self.all = threading.Event()
        self._count, self._lock = count, threading.Lock()

    def live(self, connection: Any, _: Request) -> None:
        with self._lock:
            self.moments.append(time.monotonic())
        webhook_receivers.answer(200)(connection, _)
        if len(self.moments) == self._count:
            self.all.set()


def main(events: int) -> None:
    with _tables():
        print("round | dead | wall, s | p50, s | p99, s")  # noqa: T201
        walls: dict[bool, list[float]] = {False: [], True: []}
        for number in range(2 * ROUNDS):
            dead = number % 2 == 1
            wall, moments = _round(f"round{number}", events // (2 * ROUNDS), dead=dead)
            walls[dead].append(wall)
            centiles = statistics.quantiles(moments, n=100)
            print(f"{number} | {dead} | {wall:.1f} | {centiles[49]:.1f} | {centiles[98]:.1f}", flush=True)  # noqa: T201
        print(f"with / without: {sum(walls[True]) / sum(walls[False]):.3f}")  # noqa: T201


# All receivers have one host here, and what is measured is not the bound of what an account sends to it.
send_rate_store.MAX_TO_HOST = send_rate_store.MAX_TO_ALL = 1_000_000


def _round(account: str, events: int, *, dead: bool) -> tuple[float, list[float]]:
    """Seconds until the live receivers have everything, and each arrival's since the beginning."""
    messages, arrivals, over = Messages(), Arrivals(events * LIVE), threading.Event()
    attempt_queue._client = lambda: messages  # type: ignore[assignment]
    with ExitStack() as stack:
        sites = [stack.enter_context(receiver(arrivals.live)) for _ in range(LIVE)]
        if dead:
            sites.append(stack.enter_context(receiver(webhook_receivers.silence)))
        made = [endpoint_store.create(account, url=site.url, now=_now()) for site in sites]
        for number in range(events):
            messages.put(_event(account, number).model_dump_json())
        began = time.monotonic()
        pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
        working = [pool.submit(_work, messages, over) for _ in range(WORKERS)]
        stack.callback(over.set)  # before the pool waits for its workers
        well = _waited(arrivals.all, working)
        wall = time.monotonic() - began
        _forget(account, made)
    if not well:
        raise RuntimeError(f"{len(arrivals.moments)} of {events * LIVE} arrived in {MOST_SECONDS:g} s")
    return wall, [moment - began for moment in arrivals.moments]


def _waited(arrived: threading.Event, working: list[Future[None]]) -> bool:
    """False where it took too long. A worker that failed fails the bench."""
    ends = time.monotonic() + MOST_SECONDS
    while not arrived.wait(0.2) and time.monotonic() < ends:
        for each in working:
            if each.done():
                each.result()
    return arrived.is_set()


def _work(messages: Messages, over: threading.Event) -> None:
    while not over.is_set():
        body = messages.take()
        if body is None:
            continue
        if "webhook_id" in json.loads(body):
            delivery_service.attempt_delivery(attempt_queue.read(body), _now)
        else:
            fan_out_service.fan_out(JobEvent.model_validate_json(body), _now())


def _event(account: str, number: int) -> JobEvent:
    fields: dict[str, Any] = {"attempt": 1, "priority": 5, "filename": "a.mp4", "batch_id": None, "version": 6}
    job_id = f"{account}-{number}"
    fields |= {"event_id": f"{job_id}-6", "updated_at": rfc3339(_now()), "account": account}
    return JobEvent(job_id=job_id, status="completed", **fields)


def _forget(account: str, made: list[Endpoint]) -> None:
    for endpoint in made:
        endpoint_store.delete(account, endpoint.webhook_id)


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _tables() -> Iterator[None]:
    """The emulator alone, with the template's tables."""
    with tempfile.TemporaryDirectory() as folder:
        home, port = StackFolder(Path(folder)), free_port(0)
        os.environ.update(
            AWS_ENDPOINT_URL=emulator.endpoint(port),
            WEBHOOKS_TABLE="WebhooksTable",
            DELIVERIES_TABLE="DeliveriesTable",
            CIRCUIT_BREAKERS_TABLE="CircuitBreakersTable",
            WEBHOOK_ATTEMPTS_QUEUE="attempts",
            ALLOW_PRIVATE_URLS="true",
        )
        try:
            home.create()
            emulator.start(home, port)
            make_tables(boto3.client("dynamodb"))
            yield
        finally:
            processes.stop_all(home)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
