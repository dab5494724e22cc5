"""What a task says by its exit code, and what it leaves in the job when it fails."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from mediajobs.commands import job_command_service
from mediajobs.errors import JobError, Stopped
from mediajobs.jobs import job_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.presenter import job_document
from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.source import AudioFacts, SourceFacts
from mediajobs.pipeline import admission_service, steps_service
from mediajobs.storage.object_keys import source_key
from statemachine.tasks import __main__ as entry
from statemachine.tasks.context import load as load_context
from statemachine.tasks.validate import Validation
from tests.support.functions import load
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
ARGUMENTS = ["media", "--job-id", "J", "--attempt", "1"]


@pytest.fixture(autouse=True)
def running(cloud: None) -> None:
    create_job(job_id="J", status=Status.QUEUED)
    admission_service.admit("acme")


def media_raises(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def run(_context: Any) -> None:
        raise error

    monkeypatch.setattr("statemachine.tasks.media.run", run)


def test_a_bad_source_is_not_tried_again_and_the_job_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, JobError("undecodable", "Export the file again.", task="transcode_720p"))
    assert entry.main(ARGUMENTS) == entry.BAD_INPUT
    steps_service.fail("J", 1, error="BadInput")
    job = job_store.get("J")
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message, job.error.task) == (
        "undecodable", "Export the file again.", "transcode_720p",
    )  # fmt: skip
    found = progress_store.read("J")
    assert found is not None
    told = found.tasks["transcode_720p"]
    assert (told.status, told.note) == ("failed", "Export the file again.")


def test_of_two_stages_that_fail_at_once_the_owner_reads_what_the_named_one_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    media_raises(monkeypatch, JobError("undecodable", "The sound is damaged.", task="transcode_360p"))
    assert entry.main(ARGUMENTS) == entry.BAD_INPUT
    media_raises(monkeypatch, JobError("unknown_layout", "Mix it down.", task="transcribe_video"))
    assert entry.main(ARGUMENTS) == entry.BAD_INPUT
    failure = {"Error": "media", "Cause": "BadInput"}
    load("pipeline").step({"step": "fail", "job_id": "J", "attempt": 1, "failure": failure}, None)
    job, found = job_store.get_with_progress("J")
    assert job.error is not None
    assert (job.error.code, job.error.message, job.error.task) == (
        "undecodable", "The sound is damaged.", "transcode_360p",
    )  # fmt: skip
    document = job_document(job, found, queue_position=None, model="base")
    assert document.progress.tasks["transcribe_video"].note == "Mix it down."


def test_a_task_that_the_job_does_not_have_may_fail_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, JobError("undecodable", "Export the file again.", task="transcode_2160p"))
    assert entry.main(ARGUMENTS) == entry.BAD_INPUT
    steps_service.fail("J", 1, error="media", cause="BadInput")
    error = job_store.get("J").error
    assert error is not None
    assert (error.code, error.task) == ("undecodable", "transcode_2160p")


def test_what_may_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, JobError("stalled", "Try again.", retryable=True))
    assert entry.main(ARGUMENTS) == entry.TRY_AGAIN
    media_raises(monkeypatch, EndpointConnectionError(endpoint_url="https://s3"))
    assert entry.main(ARGUMENTS) == entry.TRY_AGAIN
    found = progress_store.read("J")
    assert found is not None
    assert found.failure is not None
    assert found.failure.code == "dependency_unavailable"


def test_a_dead_database_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_TABLE", "gone")
    assert entry.main(ARGUMENTS) == entry.TRY_AGAIN


def test_a_task_that_nobody_wants_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, Stopped())
    assert entry.main(ARGUMENTS) == entry.STOPPED
    transition_store.transition("J", Status.CANCELLED)
    assert entry.main(ARGUMENTS) == entry.STOPPED


def test_a_crash_is_named_without_its_traceback() -> None:
    steps_service.fail("J", 1, error="TaskCrashed")
    job = job_store.get("J")
    assert job.error is not None
    assert job.error.code == "task_crashed"
    assert "Traceback" not in job.error.message


def test_a_task_that_crashed_before_its_first_report_is_named_and_shown_as_failed() -> None:
    progress_store.report("J", 1, {"store_source": TaskProgress(status="completed", progress=100)})
    progress_store.report("J", 1, {"transcode_720p": TaskProgress(status="running", progress=40)})
    failure = {"Error": "transcribe", "Cause": "TaskCrashed"}
    for _ in range(2):
        load("pipeline").step({"step": "fail", "job_id": "J", "attempt": 1, "failure": failure}, None)
    job, found = job_store.get_with_progress("J")
    assert job.error is not None
    assert (job.version, job.error.code, job.error.task) == (3, "task_crashed", "transcribe_video")
    assert found is not None
    document = job_document(job, found, queue_position=None, model="base")
    assert document.error is not None
    assert document.error.failed_task == "transcribe_video"
    told = {name: (task.status, task.progress, task.note) for name, task in document.progress.tasks.items()}
    assert told["transcribe_video"] == ("failed", 0, job.error.message)
    assert told["store_source"] == ("completed", 100, None)
    assert told["transcode_720p"] == ("cancelled", 40, None)
    assert [status for status, *_ in told.values()].count("failed") == 1


def test_a_late_failure_of_an_earlier_attempt_marks_nothing() -> None:
    transition_store.transition("J", Status.CANCELLED)
    transition_store.transition("J", Status.QUEUED, retry=True)
    admission_service.admit("acme")
    steps_service.fail("J", 1, error="media", cause="TaskCrashed")
    job, found = job_store.get_with_progress("J")
    assert (job.status, job.error) == (Status.PROCESSING, None)
    assert found is not None
    assert found.failure is None
    assert {task.status for task in found.tasks.values()} == {"pending"}


@pytest.mark.parametrize(
    ("ending", "code", "task"),
    [
        ({"status": "TIMED_OUT", "error": None, "cause": None}, "timed_out", None),
        ({"status": "ABORTED", "error": "media", "cause": "TaskCrashed"}, "stopped", None),
        ({"status": "FAILED", "error": "media", "cause": "TaskCrashed"}, "task_crashed", "generate_thumbnail"),
        ({"status": "FAILED"}, "pipeline_error", None),
    ],
)
def test_the_end_of_an_execution_fails_its_job_once(ending: dict[str, Any], code: str, task: str | None) -> None:
    event = {
        "version": "0",
        "account": "1",
        "region": "r",
        "detail": {"name": "J-1"} | ending,
        "detail-type": "x",
        "source": "aws.states",
    }
    event |= {"time": "t", "id": "i", "resources": []}
    for _ in range(2):
        load("pipeline").execution_ended(event, None)
    job = job_store.get("J")
    assert (job.status, job.version) == (Status.FAILED, 3)
    assert job.error is not None
    assert (job.error.code, job.error.task) == (code, task)


class TestValidationOnce:
    """What was validated is not read and hashed again, as long as it is the same object."""

    @pytest.fixture
    def ran(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The attempts in which the source was really looked at."""
        seen: list[int] = []
        sound = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)
        facts = SourceFacts(container="mp4", duration_seconds=8, size_bytes=4, sha256="0" * 64, video=None, audio=sound)

        def run(context: Any) -> Validation:
            seen.append(context.attempt)
            return Validation(facts)

        monkeypatch.setattr("statemachine.tasks.validate.run", run)
        upload(b"film")
        assert validate(1) == entry.DONE
        return seen

    def test_a_retry_takes_the_facts_as_they_are(self, ran: list[int]) -> None:
        retry(from_start=False)
        assert validate(2) == entry.DONE
        assert ran == [1]
        found = progress_store.read("J")
        assert found is not None
        assert found.tasks["validate_video"].status == found.tasks["store_source"].status == "completed"

    def test_another_object_is_validated_anew(self, ran: list[int]) -> None:
        upload(b"another film")
        retry(from_start=False)
        assert validate(2) == entry.DONE
        assert ran == [1, 2]

    def test_a_retry_from_the_start_validates_anew(self, ran: list[int]) -> None:
        retry(from_start=True)
        assert validate(2) == entry.DONE
        assert validate(2) == entry.DONE, "a second run of the same attempt"
        assert ran == [1, 2]


def test_what_earlier_attempts_made_counts_unless_the_job_began_anew() -> None:
    upload(b"film")
    context = load_context("J", 1)
    context.save_manifest(TaskManifest(task="media", attempt=1, outputs=[]))
    assert context.completed_manifest("media") is not None
    retry(from_start=False)
    assert load_context("J", 2).completed_manifest("media") is not None
    retry(from_start=True)
    assert load_context("J", 3).completed_manifest("media") is None


def test_a_task_of_a_deleted_job_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    media_raises(monkeypatch, AssertionError("it began"))
    job_command_service.delete(job_store.get("J"), with_files=False)
    assert entry.main(ARGUMENTS) == entry.STOPPED


def validate(attempt: int) -> int:
    return entry.main(["validate", "--job-id", "J", "--attempt", str(attempt)])


def upload(body: bytes) -> None:
    boto3.client("s3").put_object(Bucket="media", Key=source_key("J"), Body=body)


def retry(*, from_start: bool) -> None:
    job_command_service.cancel(job_store.get("J"))
    job_command_service.retry(job_store.get("J"), from_start=from_start)
    admission_service.admit("acme")
