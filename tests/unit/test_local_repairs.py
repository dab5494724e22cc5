"""What the local stack adds to MiniStack, where it can be told without starting one."""

import queue
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local import workers
from infra.local.gateway import accepts_gzip


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip ; q=1.000", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, br", False),
        ("x-gzip", False),
        ("identity", False),
        ("", False),
    ],
)
def test_who_accepts_gzip(header: str, *, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


class Pool:
    """As MiniStack's: a worker, or none where as many are busy as there may be."""

    def __init__(self) -> None:
        self.busy = 0

    def acquire(self, _name: str, max_concurrency: int | None = None) -> tuple[Any, str]:
        if max_concurrency and self.busy >= max_concurrency:
            return None, "func_cap"
        self.busy += 1
        return object(), "spawn"


def test_a_crowd_waits_for_the_processes_that_there_are() -> None:
    pool = Pool()
    acquire = workers.queueing(pool.acquire)
    for _ in range(workers.MOST):
        acquire("api")

    def end_one() -> None:
        pool.busy -= 1

    threading.Timer(0.05, end_one).start()
    assert acquire("api")[0] is not None
    assert pool.busy == workers.MOST


def test_who_waits_too_long_gets_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 0.05)
    pool = Pool()
    acquire = workers.queueing(pool.acquire)
    for _ in range(workers.MOST + 1):
        assert acquire("api")[0] is not None
    assert pool.busy == workers.MOST + 1


def test_a_log_has_every_line_that_was_written_before_the_answer() -> None:
    lines: queue.Queue[str] = queue.Queue()
    for line in ("one", "two", "three"):
        lines.put(line)
    assert workers.prompt(SimpleNamespace(_stderr_queue=lines)) == "one\ntwo\nthree"
    assert lines.empty()
