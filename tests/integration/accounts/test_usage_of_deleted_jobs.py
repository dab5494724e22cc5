"""Deleting a job gives back what is given back, and nothing that was used."""

from collections.abc import Iterator
from typing import Any

import pytest

from mediajobs.accounts import quota_store
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.media.source import SourceFacts
from mediajobs.pipeline import admission_service
from tests.support.deployment import World


@pytest.fixture
def world() -> Iterator[World]:
    made = World(("acme",))
    yield made
    made.close()


def create(world: World) -> int:
    return world.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).status


def completed(world: World) -> str:
    """A job of a minute and a half, and 700 bytes."""
    job_id: str = world.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).body["job_id"]
    world.arrived(job_id, 700)
    admission_service.admit("acme")
    facts = SourceFacts(container="mp4", duration_seconds=90, size_bytes=700, sha256="", video=None, audio=None)
    transition_store.transition(job_id, Status.TRANSCODING)
    job_store.record_source(job_id, 1, facts)
    outputs = {"360p": {"available": True, "size_bytes": 30}}
    transition_store.transition(job_id, Status.UPLOADING)
    transition_store.transition(job_id, Status.COMPLETED, changes={"outputs": outputs})
    return job_id


def delete(world: World, job_id: str, *, files: bool = True) -> None:
    assert world.ask("acme", "DELETE", f"/jobs/{job_id}", query={"delete_files": str(files).lower()}).status == 200


def settle(world: World, *, backwards: bool = False) -> dict[str, Any]:
    """All events are handled. Gives what is told of the account's usage."""
    world.publish(world.stream.read())
    for event in sorted(world.bus.read(), key=lambda event: event["detail"]["version"], reverse=backwards):
        world.update_statistics([event])
    told: dict[str, Any] = world.ask("acme", "GET", "/usage").body
    return told


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
def test_minutes_stay_used_however_quickly_their_job_is_deleted(
    world: World, *, at_once: bool, backwards: bool
) -> None:
    quota_store.change("acme", {"minutes_per_month": 1})
    job_id = completed(world)
    if not at_once:
        settle(world)
    delete(world, job_id)
    told = settle(world, backwards=backwards)
    assert create(world) == 429
    assert told["quotas"]["minutes_per_month"] == {"limit": 1, "used": 1.5}
    assert told["minutes"]["transcoded"] == 1.5
    shown = world.ask("acme", "GET", "/jobs/stats").body
    assert shown["total_jobs"] == shown["processing_metrics"]["total_video_duration_seconds"] == 0
    world.clock.milliseconds += 31 * 86_400_000
    assert create(world) == 201


@pytest.mark.parametrize(("files", "used", "status"), [(True, 0, 201), (False, 730, 403)])
def test_bytes_come_back_only_where_the_files_go(world: World, *, files: bool, used: int, status: int) -> None:
    quota_store.change("acme", {"stored_bytes": 700})
    job_id = completed(world)
    settle(world)
    assert create(world) == 403
    delete(world, job_id, files=files)
    told = settle(world)
    assert told["quotas"]["stored_bytes"] == {"limit": 700, "used": used}
    assert told["storage"]["used_bytes"] == used
    assert world.ask("acme", "GET", "/jobs/stats").body["storage"]["used_bytes"] == 0
    assert create(world) == status


def test_a_job_that_was_not_completed_used_nothing(world: World) -> None:
    job_id: str = world.ask("acme", "POST", "/jobs", {"filename": "a.mp4"}).body["job_id"]
    delete(world, job_id)
    told = settle(world)
    assert (told["quotas"]["minutes_per_month"]["used"], told["storage"]["used_bytes"]) == (0, 0)
