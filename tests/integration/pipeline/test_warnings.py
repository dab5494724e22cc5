"""Warnings, from the tasks that give them to the owner who reads them."""

from typing import Any

import pytest

from mediajobs.commands import job_command_service
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.presenter import job_document
from mediajobs.media.manifests import JobWarning, TaskManifest
from mediajobs.media.source import AudioFacts, SourceFacts
from mediajobs.pipeline import admission_service, steps_service
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, source_key
from statemachine.tasks import __main__ as entry
from statemachine.tasks import validate
from statemachine.tasks.validate import Validation
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
AUDIO = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)
FACTS = SourceFacts(container="mp4", duration_seconds=9, size_bytes=4, sha256="0", video=None, audio=AUDIO)
GUESSED = JobWarning(code="duration_guessed", message="The file only guesses its duration; it was measured.")
GAP = JobWarning(code="gap_filled", message="2.0 s without sound were filled with silence.")


@pytest.fixture(autouse=True)
def running(cloud: None) -> None:
    create_job(job_id="J", status=Status.QUEUED)
    admission_service.admit("acme")
    bucket = MediaBucket.from_environment()
    bucket.client.put_object(Bucket=bucket.name, Key=source_key("J"), Body=b"film")


def validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage `validate` as the container runs it; the check itself finds something odd."""
    monkeypatch.setattr(validate, "run", lambda _: Validation(FACTS, [GUESSED]))
    assert entry.main(["validate", "--job-id", "J", "--attempt", "1"]) == entry.DONE


def shown() -> list[Any]:
    job, progress = job_store.get_with_progress("J")
    return job_document(job, progress, queue_position=None, model="base").model_dump()["warnings"]  # type: ignore[no-any-return]


def test_a_job_shows_the_warnings_of_all_its_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown() == []
    validated(monkeypatch)
    assert shown() == [GUESSED.model_dump()]
    steps_service.plan("J", 1)
    media = TaskManifest(task="media", attempt=1, outputs=[], warnings=[GAP])
    MediaBucket.from_environment().write_json(manifest_key("J", "media"), media.model_dump(mode="json"))
    steps_service.publish("J", 1)
    assert job_store.get("J").status is Status.COMPLETED
    assert shown() == [GUESSED.model_dump(), GAP.model_dump()]


@pytest.mark.parametrize(("from_start", "kept"), [(True, []), (False, [GUESSED.model_dump()])])
def test_a_retry_from_the_start_forgets_them(
    monkeypatch: pytest.MonkeyPatch,
    from_start: bool,  # noqa: FBT001
    kept: list[Any],
) -> None:
    validated(monkeypatch)
    failed = transition_store.transition("J", Status.FAILED, attempt=1).job
    job_command_service.retry(failed, from_start=from_start)
    assert shown() == kept
