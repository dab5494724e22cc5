"""How a task tells of its progress: often enough to be live, seldom enough to be cheap."""

from collections.abc import Callable

import pytest

from mediajobs.errors import Stopped
from mediajobs.jobs import progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.progress import TaskProgress
from mediajobs.pipeline import admission_service
from statemachine.tasks import context
from statemachine.tasks.progress_reporter import StoreReporter
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def reporter() -> StoreReporter:
    create_job(job_id="J", status=Status.QUEUED)
    admission_service.admit("acme")
    return StoreReporter("J", 1)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that the test turns."""
    now = [100.0]
    monkeypatch.setattr("statemachine.tasks.progress_reporter.time.monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def tasks() -> dict[str, TaskProgress]:
    found = progress_store.read("J")
    assert found is not None
    return found.tasks


def sequence() -> int:
    found = progress_store.read("J")
    assert found is not None
    return found.sequence


def test_each_task_is_written_at_once_and_then_every_two_seconds(
    reporter: StoreReporter, wait: Callable[[float], None]
) -> None:
    reporter.update(transcode_360p=1)
    reporter.update(transcode_360p=2, transcode_720p=1)
    assert (tasks()["transcode_360p"].progress, tasks()["transcode_720p"].progress) == (1, 1)
    wait(1.9)
    reporter.update(transcode_360p=3)
    assert tasks()["transcode_360p"].progress == 1
    wait(0.2)
    reporter.update(transcode_360p=4, transcode_720p=5)
    assert (tasks()["transcode_360p"].progress, tasks()["transcode_720p"].progress) == (4, 5)
    assert sequence() == 3


def test_only_a_finished_task_is_at_100(reporter: StoreReporter) -> None:
    reporter.update(store_source=100)
    assert (tasks()["store_source"].status, tasks()["store_source"].progress) == ("running", 99.9)
    reporter.finish("store_source")
    assert (tasks()["store_source"].status, tasks()["store_source"].progress) == ("completed", 100)


def test_a_skipped_task_says_why(reporter: StoreReporter) -> None:
    reporter.skip(transcode_720p="source is smaller than 720p")
    assert tasks()["transcode_720p"].note == "source is smaller than 720p"


def test_nobody_reports_for_an_attempt_that_is_over(reporter: StoreReporter) -> None:
    transition_store.transition("J", Status.CANCELLED)
    with pytest.raises(Stopped):
        reporter.update(store_source=1)
    with pytest.raises(Stopped):
        reporter.finish("store_source")
    transition_store.transition("J", Status.QUEUED, retry=True)
    admission_service.admit("acme")
    with pytest.raises(Stopped):
        reporter.finish("store_source")
    with pytest.raises(Stopped):
        context.load("J", 1)
