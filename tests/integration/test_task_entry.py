"""What a task says by its exit code, and what it leaves in the job when it fails."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from mediajobs.errors import JobError, Stopped
from mediajobs.jobs import Job
from mediajobs.life import Status
from mediajobs.stores import jobs, pipeline, progress, queue
from statemachine.tasks import __main__ as entry
from tests.doors import load

pytestmark = pytest.mark.usefixtures("cloud")
ARGUMENTS = ["media", "--job-id", "J", "--attempt", "1"]


@pytest.fixture(autouse=True)
def running(cloud: None) -> None:
    moment = jobs.now()
    jobs.create(
        Job(job_id="J", account="acme", status=Status.QUEUED, filename="a.mp4", created_at=moment, updated_at=moment)
    )
    queue.admit("acme")


def media_raises(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def run(_context: Any) -> None:
        raise error

    monkeypatch.setattr("statemachine.tasks.media.run", run)


def test_a_bad_source_is_not_tried_again_and_the_job_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, JobError("undecodable", "Export the file again.", task="transcode_720p"))
    assert entry.main(ARGUMENTS) == entry.BAD_INPUT
    pipeline.fail("J", 1, error="BadInput")
    job = jobs.get("J")
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message, job.error.task) == (
        "undecodable", "Export the file again.", "transcode_720p",
    )  # fmt: skip


def test_what_may_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, JobError("stalled", "Try again.", retryable=True))
    assert entry.main(ARGUMENTS) == entry.TRY_AGAIN
    media_raises(monkeypatch, EndpointConnectionError(endpoint_url="https://s3"))
    assert entry.main(ARGUMENTS) == entry.TRY_AGAIN
    found = progress.read("J")
    assert found is not None
    assert found.failure is not None
    assert found.failure.code == "dependency_unavailable"


def test_a_dead_database_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_TABLE", "gone")
    assert entry.main(ARGUMENTS) == entry.TRY_AGAIN


def test_a_task_that_nobody_wants_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, Stopped())
    assert entry.main(ARGUMENTS) == entry.STOPPED
    jobs.transition("J", Status.CANCELLED)
    assert entry.main(ARGUMENTS) == entry.STOPPED


def test_a_crash_is_named_without_its_traceback() -> None:
    pipeline.fail("J", 1, error="TaskCrashed")
    job = jobs.get("J")
    assert job.error is not None
    assert job.error.code == "task_crashed"
    assert "Traceback" not in job.error.message


def test_the_end_of_an_execution_fails_its_job_once() -> None:
    detail = {"name": "J-1", "status": "TIMED_OUT"}
    event = {
        "version": "0",
        "account": "1",
        "region": "r",
        "detail": detail,
        "detail-type": "x",
        "source": "aws.states",
    }
    event |= {"time": "t", "id": "i", "resources": []}
    for _ in range(2):
        load("steps").execution_ended(event, None)
    job = jobs.get("J")
    assert (job.status, job.version) == (Status.FAILED, 3)
    assert job.error is not None
    assert job.error.code == "timed_out"
