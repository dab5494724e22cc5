"""What comes of a job that was deleted goes, whenever it comes; what was to be kept stays."""

from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest

from mediajobs.commands import job_command_service
from mediajobs.jobs.tables import DELETED, DeletedRow
from mediajobs.timestamps import parse_rfc3339
from tests.support.clocks import START
from tests.support.deployment import Deployment

MINUTE = 60_000


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    made = Deployment(("acme",))
    yield made
    made.close()


def deleted(deployment: Deployment, *, files: bool = True) -> str:
    """A job that was deleted when its upload had just begun, at the last moment."""
    job_id: str = deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).body["job_id"]
    deployment.clock.milliseconds = START + 59 * MINUTE
    assert deployment.ask("acme", "DELETE", f"/jobs/{job_id}", query={"delete_files": str(files).lower()}).status == 200
    return job_id


def look(deployment: Deployment, at: int) -> list[str]:
    """The sweep of that minute."""
    deployment.clock.milliseconds = START + at * MINUTE
    return job_command_service.remove_leftovers()


def come(deployment: Deployment, job_id: str, *, told: bool = True) -> None:
    deployment.upload(job_id, 9)
    if told:
        deployment.arrived(job_id, 9)


def lying() -> list[str]:
    return [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket="media").get("Contents", [])]


@pytest.mark.parametrize("minute", [60, 89, 119, 121, 600, 20 * 24 * 60])
def test_an_upload_that_outlives_its_job_leaves_nothing(deployment: Deployment, minute: int) -> None:
    job_id = deleted(deployment)
    for before in (66, 121):
        if before < minute:
            assert look(deployment, before) == []
    deployment.clock.milliseconds = START + minute * MINUTE
    come(deployment, job_id)
    assert lying() == []
    assert look(deployment, minute + 3) == []
    assert look(deployment, minute + 999) == []


def test_within_the_hour_nobody_needs_to_tell(deployment: Deployment) -> None:
    job_id = deleted(deployment)
    assert look(deployment, 119) == []
    come(deployment, job_id, told=False)
    assert look(deployment, 121) == [job_id]
    assert lying() == []


@pytest.mark.parametrize("calls", range(7))
def test_one_that_comes_during_the_look_is_not_overlooked(deployment: Deployment, calls: int) -> None:
    job_id = deleted(deployment)
    deployment.clock.milliseconds = START + 121 * MINUTE
    deployment.interleaved(job_command_service.remove_leftovers, lambda: come(deployment, job_id), after=calls)
    look(deployment, 125)
    assert lying() == []


@pytest.mark.parametrize("told", [True, False])
def test_a_job_that_had_no_source_has_no_files_to_keep(deployment: Deployment, told: bool) -> None:  # noqa: FBT001
    job_id = deleted(deployment, files=False)
    come(deployment, job_id, told=told)
    look(deployment, 121)
    assert lying() == []


def test_a_copy_of_an_event_takes_nothing_away_that_was_to_be_kept(deployment: Deployment) -> None:
    job_id: str = deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).body["job_id"]
    come(deployment, job_id)
    assert deployment.ask("acme", "DELETE", f"/jobs/{job_id}", query={"delete_files": "false"}).status == 200
    deployment.arrived(job_id, 9)
    assert look(deployment, 999) == []
    assert lying() == [f"sources/{job_id}/source"]


def test_a_source_of_nobody_stays(deployment: Deployment) -> None:
    come(deployment, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert look(deployment, 999) == []
    assert len(lying()) == 1


def test_what_tells_of_the_deletion_is_kept_for_a_month_and_in_no_queue(deployment: Deployment) -> None:
    job_id = deleted(deployment)
    due = parse_rfc3339(str(DeletedRow.get(job_id, DELETED).queue_rank).partition("#")[0])
    look(deployment, 121)
    row = DeletedRow.get(job_id, DELETED)
    assert row.attribute_values.keys() == {"job_id", "item", "expires"}
    assert row.expires == int((due + timedelta(days=30)).timestamp())
