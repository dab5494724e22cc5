"""What was lost on the way is done again by the sweep."""

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError

from mediajobs import clock
from mediajobs.accounts import quota_store
from mediajobs.commands import job_command_service
from mediajobs.jobs import cleanup_store, job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.tables import DELETED, JOB, DeletedRow, JobRow
from mediajobs.pipeline import admission_service, executions_client, sweep_service
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.bucket_store import MediaBucket, source_size
from mediajobs.timestamps import rfc3339
from tests.support.functions import load
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
EMPTY = '{"StartAt": "Here", "States": {"Here": {"Type": "Succeed"}}}'


@pytest.fixture
def states(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    client = boto3.client("stepfunctions")
    role = "arn:aws:iam::123456789012:role/pipeline"
    machine = client.create_state_machine(name="pipeline", definition=EMPTY, roleArn=role)["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE", machine)
    monkeypatch.setenv("TASK_HEARTBEAT_SECONDS", "60")
    executions_client._client.cache_clear()
    return client


@pytest.fixture
def admitted(states: Any) -> None:
    """A job that runs, as far as the books say."""
    create_job(job_id="J", status=Status.QUEUED)
    admission_service.admit("acme")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Two minutes pass without a report."""
    milliseconds = clock.milliseconds
    return lambda: monkeypatch.setattr(clock, "milliseconds", lambda: milliseconds() + 120_000)


def started(states: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = states.list_executions(stateMachineArn=os.environ["STATE_MACHINE"])["executions"]
    return found


def test_a_waiting_job_whose_event_was_lost_is_admitted(states: Any) -> None:
    moment = rfc3339(datetime.now(UTC))
    job_store.create(
        Job(job_id="J", account="acme", status=Status.QUEUED, filename="a.mp4", created_at=moment, updated_at=moment)
    )
    assert sweep_service.sweep() == ["J"]
    assert job_store.get("J").status is Status.PROCESSING
    assert sweep_service.sweep() == []


@pytest.mark.usefixtures("admitted")
def test_an_admitted_job_that_was_never_started_is_started(states: Any, later: Callable[[], None]) -> None:
    sweep_service.sweep()
    assert started(states) == [], "it may still be on its way"
    later()
    sweep_service.sweep()
    sweep_service.sweep()
    assert [execution["name"] for execution in started(states)] == ["J-1"]
    assert job_store.get("J").status is Status.PROCESSING


@pytest.mark.usefixtures("admitted")
def test_a_job_whose_execution_ended_without_a_word_fails(states: Any, later: Callable[[], None]) -> None:
    executions_client.start("J", 1, account="acme", priority=5)
    states.stop_execution(executionArn=started(states)[0]["executionArn"])
    later()
    sweep_service.sweep()
    job = job_store.get("J")
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == "stopped"


@pytest.mark.usefixtures("admitted")
def test_what_failed_is_named_although_the_execution_could_not_say_it_in_the_job(
    states: Any, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    executions_client.start("J", 1, account="acme", priority=5)
    described = {"status": "FAILED", "error": "transcribe", "cause": "TaskCrashed"}
    monkeypatch.setattr(executions_client._client(), "describe_execution", Mock(return_value=described))
    later()
    sweep_service.sweep()
    error = job_store.get("J").error
    assert error is not None
    assert (error.code, error.task) == ("task_crashed", "transcribe_video")


def told(status: Status, attempt: int = 1) -> None:
    """The scheduler hears of a change of the job."""
    detail = {"job_id": "J", "account": "acme", "status": status.value, "attempt": attempt, "priority": 5}
    event = {"version": "0", "account": "1", "region": "r", "time": "t", "id": "i", "resources": []}
    load("scheduler").schedule(event | {"detail": detail, "detail-type": f"job.{status}", "source": "mediajobs"}, None)


@pytest.mark.usefixtures("admitted")
def test_the_execution_of_a_cancelled_job_is_stopped_and_the_next_job_admitted(states: Any) -> None:
    moment = rfc3339(datetime.now(UTC))
    for job_id in ("K", "L"):
        job_store.create(
            Job(job_id=job_id, account="acme", status=Status.QUEUED, filename="a", created_at=moment, updated_at=moment)
        )
    told(Status.PROCESSING)
    told(Status.QUEUED)
    assert job_store.get("L").status is Status.QUEUED, "two run at a time"
    transition_store.transition("J", Status.CANCELLED)
    for _ in range(2):  # events come at least once
        told(Status.CANCELLED)
    assert [execution["status"] for execution in started(states)] == ["ABORTED"]
    assert job_store.get("L").status is Status.PROCESSING


@pytest.mark.usefixtures("admitted")
def test_events_in_the_wrong_order_leave_no_execution_behind(states: Any) -> None:
    transition_store.transition("J", Status.CANCELLED)
    told(Status.CANCELLED)
    told(Status.PROCESSING)
    assert [execution["status"] for execution in started(states)] == ["ABORTED"]


def a_minute_goes_by() -> None:
    """The scheduler hears of the clock."""
    load("scheduler").schedule(
        {"version": "0", "account": "1", "region": "r", "time": "t", "id": "i", "resources": [], "detail": {}}
        | {"detail-type": "Scheduled Event", "source": "aws.events"},
        None,
    )


@pytest.mark.usefixtures("admitted")
def test_the_clock_sweeps_the_files_of_deleted_jobs_too(states: Any) -> None:
    job_command_service.delete(job_store.get("J"), with_files=True)
    DeletedRow("J", DELETED).update([DeletedRow.queue_rank.set("2020-01-01T00:00:00.000Z#J")])
    boto3.client("s3").put_object(Bucket="media", Key="sources/J/source", Body=b"late")
    a_minute_goes_by()
    assert boto3.client("s3").list_objects_v2(Bucket="media")["KeyCount"] == 0


@pytest.mark.usefixtures("admitted")
def test_a_running_job_that_nobody_can_look_after_is_in_nobodys_way(
    states: Any, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DescribeExecution may not know yet what was begun a moment ago, or be throttled."""
    for job_id, account in (("K", "acme"), ("Z", "zeta")):
        moment = clock.now()
        fields = {"status": Status.QUEUED, "filename": "a", "created_at": moment, "updated_at": moment}
        job_store.create(Job.model_validate({"job_id": job_id, "account": account} | fields))
    admission_service.admit("acme")
    later()
    asked: list[str] = []

    def throttled(job_id: str, attempt: int) -> executions_client.Ending:
        asked.append(job_id)
        if job_id == "J":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeExecution")
        return executions_client.Ending("ABORTED", "")

    monkeypatch.setattr(executions_client, "failure_of", throttled)
    with pytest.raises(ExceptionGroup) as failed:
        sweep_service.sweep()
    assert asked == ["J", "K"]
    assert [job_store.get(job_id).status for job_id in "JKZ"] == [Status.PROCESSING, Status.FAILED, Status.PROCESSING]
    (why,) = failed.value.exceptions
    assert "J" in "".join(why.__notes__)


@pytest.mark.parametrize("broken", ["sweep", "expire", "remove_leftovers"])
def test_a_duty_that_fails_keeps_no_other_from_its_turn_and_is_told(
    states: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    scheduler, did = load("scheduler"), []

    def duty(name: str) -> Callable[[], list[str]]:
        def act() -> list[str]:
            did.append(name)
            if name == broken:
                raise TimeoutError
            return []

        return act

    for place, name in ((scheduler, "sweep"), (scheduler, "expire"), (job_command_service, "remove_leftovers")):
        monkeypatch.setattr(place, name, duty(name))
    with pytest.raises(ExceptionGroup):
        a_minute_goes_by()
    assert did == ["sweep", "expire", "remove_leftovers"]


def test_a_job_that_cannot_be_ended_or_cleared_away_keeps_no_other_from_it(
    states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job_id in ("A", "B", "C", "D"):
        pending_job(job_id, ago=timedelta(hours=3))
    for job_id in ("C", "D"):
        job_command_service.delete(job_store.get(job_id), with_files=True)
        DeletedRow(job_id, DELETED).update([DeletedRow.queue_rank.set(f"2020-01-01T00:00:00.000Z#{job_id}")])
        boto3.client("s3").put_object(Bucket="media", Key=f"sources/{job_id}/source", Body=b"late")
    abort, find = MediaBucket.abort_uploads, source_size

    def refused(self: MediaBucket, prefix: str) -> None:
        if "/C/" in prefix:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListMultipartUploads")
        abort(self, prefix)

    def lost(job_id: str) -> int | None:
        if job_id == "A":
            raise TimeoutError
        return find(job_id)

    monkeypatch.setattr(MediaBucket, "abort_uploads", refused)
    monkeypatch.setattr(sweep_service, "source_size", lost)
    with pytest.raises(ExceptionGroup):
        a_minute_goes_by()
    assert (job_store.get("A").status, job_store.get("B").status) == (Status.PENDING, Status.FAILED)
    lying = boto3.client("s3").list_objects_v2(Bucket="media")["Contents"]
    assert [found["Key"] for found in lying] == ["sources/C/source"]
    assert [job_id for job_id, _ in cleanup_store.due_cleanups()] == ["C"]


def test_the_clock_ends_jobs_whose_upload_never_came(states: Any) -> None:
    pending_job("J", ago=timedelta(hours=3))
    a_minute_goes_by()
    assert job_store.get("J").status is Status.FAILED


@pytest.mark.usefixtures("admitted")
def test_an_execution_that_never_began_or_is_over_is_none_to_stop(states: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    transition_store.transition("J", Status.CANCELLED)
    told(Status.CANCELLED)
    assert started(states) == []

    for code, harmless in (("ValidationException", True), ("AccessDeniedException", False)):
        refusal = ClientError({"Error": {"Code": code}}, "StopExecution")
        monkeypatch.setattr(executions_client._client(), "stop_execution", Mock(side_effect=refusal))
        with contextlib.nullcontext() if harmless else pytest.raises(ClientError):
            told(Status.CANCELLED)


def pending_job(job_id: str, *, ago: timedelta, **more: Any) -> Job:
    """One that was created so long ago, and waits for its upload."""
    moment = rfc3339(datetime.now(UTC) - ago)
    job = Job(
        job_id=job_id,
        account="acme",
        status=Status.PENDING,
        filename="a.mp4",
        created_at=moment,
        updated_at=moment,
        **more,
    )
    job_store.create(job, quota=quota_store.check("acme"))
    return job


def test_a_job_whose_upload_never_came_fails_by_name_and_gives_its_place_back() -> None:
    quota_store.change("acme", {"concurrent_jobs": 2})
    pending_job("OLD", ago=timedelta(hours=2, seconds=1), size_bytes=900)
    pending_job("NEW", ago=timedelta(hours=1, minutes=59))
    assert [sweep_service.expire(), sweep_service.expire()] == [["OLD"], []]
    ended = job_store.get("OLD")
    assert ended.error is not None
    assert (ended.status, ended.error.code, ended.size_bytes) == (Status.FAILED, "upload_expired", None)
    assert job_store.get("NEW").status is Status.PENDING
    assert quota_store.read("acme").open_jobs == 1


def test_an_upload_in_parts_has_a_day_and_is_forgotten_then() -> None:
    for job_id, ago in (("OLD", timedelta(hours=25, seconds=1)), ("NEW", timedelta(hours=24, minutes=59))):
        pending_job(
            job_id, ago=ago, upload_id=presigned_upload_store.create_multipart(f"sources/{job_id}/source", None)
        )
    assert sweep_service.expire() == ["OLD"]
    left = boto3.client("s3").list_multipart_uploads(Bucket="media")["Uploads"]
    assert [upload["Key"] for upload in left] == ["sources/NEW/source"]


def test_a_source_whose_event_was_lost_is_found_by_then() -> None:
    pending_job("J", ago=timedelta(hours=3), size_bytes=4)
    boto3.client("s3").put_object(Bucket="media", Key="sources/J/source", Body=b"here")
    assert sweep_service.expire() == []
    assert (job_store.get("J").status, job_store.get("J").size_bytes) == (Status.QUEUED, 4)
    assert sweep_service.sweep() == ["J"]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.CANCELLED])
def test_a_job_that_goes_on_waits_for_no_upload_any_more(status: Status) -> None:
    pending_job("J", ago=timedelta(hours=3))
    transition_store.transition("J", status)
    assert cleanup_store.expired_uploads() == []
    assert JobRow.get("J", JOB).queue == ("acme" if status is Status.QUEUED else None)


def test_who_is_cancelled_meanwhile_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pending_job("J", ago=timedelta(hours=3))

    def cancelled_just_now(job_id: str) -> None:
        transition_store.transition(job_id, Status.CANCELLED)

    monkeypatch.setattr(sweep_service, "source_size", cancelled_just_now)
    assert sweep_service.expire() == []
    assert (job_store.get("J").status, job_store.get("J").error) == (Status.CANCELLED, None)
