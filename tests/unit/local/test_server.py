"""What the local stack adds to MiniStack, where it can be told without starting one."""

import queue
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local import saved_state
from infra.local.ministack_patches import lambda_workers
from infra.local.ministack_patches.api_gateway import accepts_gzip
from infra.local.stack_folder import StackFolder
from tests.support.waiting import HANG_SECONDS


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


def test_a_crowd_waits_for_the_processes_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool()
    acquire = lambda_workers.wait_for_free_worker(pool.acquire)
    for _ in range(lambda_workers.MAX_WORKERS):
        acquire("api")

    def end_one() -> None:
        pool.busy -= 1

    monkeypatch.setattr(lambda_workers, "WAIT_TIMEOUT_SECONDS", HANG_SECONDS)
    monkeypatch.setattr("infra.local.ministack_patches.lambda_workers.time.sleep", lambda _: end_one())
    assert acquire("api")[0] is not None
    assert pool.busy == lambda_workers.MAX_WORKERS


def test_who_waits_too_long_gets_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_workers, "WAIT_TIMEOUT_SECONDS", 0.05)
    pool = Pool()
    acquire = lambda_workers.wait_for_free_worker(pool.acquire)
    for _ in range(lambda_workers.MAX_WORKERS + 1):
        assert acquire("api")[0] is not None
    assert pool.busy == lambda_workers.MAX_WORKERS + 1


def test_a_log_has_every_line_that_was_written_before_the_answer() -> None:
    lines: queue.Queue[str] = queue.Queue()
    for line in ("one", "two", "three"):
        lines.put(line)
    assert lambda_workers.read_log_lines(SimpleNamespace(_stderr_queue=lines)) == "one\ntwo\nthree"
    assert lines.empty()


@pytest.mark.parametrize(
    ("saved", "after"),
    [
        (
            "http://localhost:1/000000000000/mediajobs-BackgroundQueue",
            "http://localhost:2/000000000000/mediajobs-BackgroundQueue",
        ),
        ("http://localhost:1/_ministack/lambda-layers/x", "http://localhost:2/_ministack/lambda-layers/x"),
        ("http://127.0.0.1:1/_aws/execute-api/x/local", "http://127.0.0.1:2/_aws/execute-api/x/local"),
        ("http://x.execute-api.localhost:1", "http://x.execute-api.localhost:2"),
        ("http://127.0.0.1:1/receiver", "http://127.0.0.1:1/receiver"),
        ("http://localhost:1/123456789012/video.mp4", "http://localhost:1/123456789012/video.mp4"),
    ],
)
def test_another_port_changes_the_addresses_of_the_stack_and_no_others(tmp_path: Path, saved: str, after: str) -> None:
    home = StackFolder(tmp_path)
    home.create()
    for service in saved_state.SERVICES_WITH_ADDRESSES:
        (home.state / f"{service}.json").write_text(f'{{"url": "{saved}"}}')
    saved_state.adapt_to_port(home, 2)
    for service in saved_state.SERVICES_WITH_ADDRESSES:
        assert (home.state / f"{service}.json").read_text().strip() == f'{{"url": "{after}"}}'
