"""Deleting a job gives back what is given back, and nothing that was used."""

from collections.abc import Iterator
from typing import Any

import pytest

from mediajobs.accounts import quota_store
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.media.source import SourceFacts
from mediajobs.pipeline import admission_service, steps_service
from tests.support.deployment import Deployment


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    made = Deployment(("acme",))
    yield made
    made.close()


def create(deployment: Deployment) -> int:
    return deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).status


def completed(deployment: Deployment) -> str:
    """A job of a minute and a half, and 700 bytes."""
    job_id: str = deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).body["job_id"]
    deployment.arrived(job_id, 700)
    admission_service.admit("acme")
    facts = SourceFacts(container="mp4", duration_seconds=90, size_bytes=700, sha256="", video=None, audio=None)
    job_store.record_source(job_id, 1, facts)
    steps_service.plan(job_id, 1)
    outputs = {"360p": {"available": True, "size_bytes": 30}}
    transition_store.transition(job_id, Status.UPLOADING)
    transition_store.transition(job_id, Status.COMPLETED, changes={"outputs": outputs})
    return job_id


def delete(deployment: Deployment, job_id: str, *, files: bool = True) -> None:
    assert deployment.ask("acme", "DELETE", f"/jobs/{job_id}", query={"delete_files": str(files).lower()}).status == 200


def settle(deployment: Deployment, *, backwards: bool = False) -> dict[str, Any]:
    """All events are handled. Gives what is told of the account's usage."""
    deployment.publish(deployment.stream.read())
    for event in sorted(deployment.bus.read(), key=lambda event: event["detail"]["version"], reverse=backwards):
        deployment.update_statistics([event])
    told: dict[str, Any] = deployment.ask("acme", "GET", "/usage").body
    return told


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
def test_minutes_stay_used_however_quickly_their_job_is_deleted(
    deployment: Deployment, *, at_once: bool, backwards: bool
) -> None:
    job_id = completed(deployment)
    quota_store.change("acme", {"minutes_per_month": 1})
    if not at_once:
        settle(deployment)
    delete(deployment, job_id)
    told = settle(deployment, backwards=backwards)
    assert create(deployment) == 429
    assert told["quotas"]["minutes_per_month"] == {"limit": 1, "used": 1.5}
    assert told["minutes"]["transcoded"] == 1.5
    shown = deployment.ask("acme", "GET", "/jobs/stats").body
    assert shown["total_jobs"] == shown["processing_metrics"]["total_video_duration_seconds"] == 0
    deployment.clock.milliseconds += 31 * 86_400_000
    assert create(deployment) == 201


@pytest.mark.parametrize(("files", "used", "status"), [(True, 0, 201), (False, 730, 403)])
def test_bytes_come_back_only_where_the_files_go(
    deployment: Deployment, *, files: bool, used: int, status: int
) -> None:
    quota_store.change("acme", {"stored_bytes": 700})
    job_id = completed(deployment)
    settle(deployment)
    assert create(deployment) == 403
    delete(deployment, job_id, files=files)
    told = settle(deployment)
    assert told["quotas"]["stored_bytes"] == {"limit": 700, "used": used}
    assert told["storage"]["used_bytes"] == used
    assert deployment.ask("acme", "GET", "/jobs/stats").body["storage"]["used_bytes"] == 0
    assert create(deployment) == status


def test_a_job_that_was_not_begun_used_nothing(deployment: Deployment) -> None:
    job_id: str = deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).body["job_id"]
    delete(deployment, job_id)
    told = settle(deployment)
    assert (told["quotas"]["minutes_per_month"]["used"], told["storage"]["used_bytes"]) == (0, 0)
