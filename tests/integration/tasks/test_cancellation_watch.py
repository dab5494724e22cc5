"""A task whose job is cancelled or deleted ends, whether it looks or not; a dead database ends none."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mediajobs.commands import job_command_service
from mediajobs.errors import Stopped
from mediajobs.jobs import job_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.pipeline import admission_service
from statemachine.tasks import cancellation_watch
from statemachine.tasks.progress_reporter import StoreReporter
from tests.support.jobs import create_job
from tests.support.waiting import HANG_SECONDS, until

pytestmark = pytest.mark.usefixtures("cloud")
# A task that is deep in C code: it neither reports nor looks, and has a child.
DEAF = """
import subprocess, time
from statemachine.tasks import cancellation_watch
from statemachine.tasks.sandbox import ProcessLimits, Sandbox, confined
cancellation_watch.POLL_SECONDS, cancellation_watch.GRACE_SECONDS = 0.2, 0.3
with cancellation_watch.watch_attempt("J", 1) as over:
    sandbox = Sandbox(ProcessLimits(600, 8 << 30))
    with confined(sandbox, ["sh", "-c", "echo running; while :; do :; done"]) as (command, descriptors):
        subprocess.Popen(command, pass_fds=descriptors)
    time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def running(cloud: None) -> None:
    create_job(job_id="J", status=Status.QUEUED)
    admission_service.admit("acme")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Looks often and gives no grace; collects the exit codes that would have ended this process."""
    ended: list[int] = []
    monkeypatch.setattr(cancellation_watch, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(cancellation_watch, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr("os._exit", ended.append)
    return ended


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cancellation-watch"]


@pytest.mark.parametrize(
    "end",
    [
        lambda: job_command_service.cancel(job_store.get("J")),
        lambda: job_command_service.delete(job_store.get("J"), with_files=False),
        lambda: transition_store.transition("J", Status.FAILED, attempt=1),
    ],
    ids=["cancelled", "deleted", "failed"],
)
def test_a_task_that_looks_ends_by_itself(
    quick: list[int], end: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation_watch, "GRACE_SECONDS", HANG_SECONDS)
    with cancellation_watch.watch_attempt("J", 1) as over:
        reporter = StoreReporter("J", 1, over)
        reporter.update(transcode_360p=1)
        end()
        assert over.wait(HANG_SECONDS)
        (thread,) = watchers()
        with pytest.raises(Stopped):
            reporter.update(transcode_360p=1.1)  # would not be written for two seconds
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()
    assert quick == []


def test_a_task_that_does_not_look_is_ended_with_its_process(quick: list[int]) -> None:
    with cancellation_watch.watch_attempt("J", 1):
        job_command_service.cancel(job_store.get("J"))
        until(lambda: quick)
    assert quick == [cancellation_watch.EXIT_STOPPED]


def test_a_retry_ends_the_tasks_of_the_attempt_before(quick: list[int]) -> None:
    job_command_service.cancel(job_store.get("J"))
    transition_store.transition("J", Status.QUEUED, retry=True)
    admission_service.admit("acme")
    with cancellation_watch.watch_attempt("J", 1) as old, cancellation_watch.watch_attempt("J", 2) as new:
        assert old.wait(HANG_SECONDS)
        assert not new.is_set()
        until(lambda: quick)
    assert quick == [cancellation_watch.EXIT_STOPPED]


def test_a_dead_database_ends_no_task(quick: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[Exception] = []
    is_over = progress_store.is_over

    def noting_failures(job_id: str, attempt: int) -> bool:
        try:
            return is_over(job_id, attempt)
        except Exception as error:
            failures.append(error)
            raise

    monkeypatch.setattr(progress_store, "is_over", noting_failures)
    monkeypatch.setenv("JOBS_TABLE", "gone")
    with cancellation_watch.watch_attempt("J", 1) as over:
        until(lambda: len(failures) > 1)
        assert not over.is_set()
        monkeypatch.setenv("JOBS_TABLE", "JobsTable")
        job_command_service.cancel(job_store.get("J"))
        assert over.wait(HANG_SECONDS), "it looks no more"


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_real_process_and_its_child_are_gone(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF],
        env={**os.environ, "AWS_ENDPOINT_URL": endpoint},
        stdout=subprocess.PIPE,
        text=True,
    ) as task:
        assert task.stdout is not None
        assert task.stdout.readline() == "running\n"
        table = boto3.resource("dynamodb", endpoint_url=endpoint).Table("JobsTable")
        key = {"job_id": "J", "item": "progress"}
        table.update_item(Key=key, UpdateExpression="SET stopped = :yes", ExpressionAttributeValues={":yes": True})
        assert task.stdout.read() == "", "the child has it as well, as long as it lives"
        assert task.wait(HANG_SECONDS) == cancellation_watch.EXIT_STOPPED
