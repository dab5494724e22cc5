"""Minutes are charged when an attempt is planned, once, whatever becomes of it; a quota of minutes holds exactly."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from mediajobs.accounts import quota_store
from mediajobs.errors import QuotaExceeded
from mediajobs.jobs import job_store, minutes_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.source import AudioFacts, SourceFacts
from mediajobs.media.tasks import STAGES
from mediajobs.pipeline import admission_service, steps_service
from mediajobs.statistics import counter_store
from mediajobs.storage.object_keys import source_key
from tests.support.aws_calls import atomic_writes
from tests.support.deployment import Deployment

SOUND = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    made = Deployment(("acme",))
    yield made
    made.close()


def running(deployment: Deployment, seconds: float = 90, size: int = 700, **fields: Any) -> str:
    """A job whose source of so many seconds and bytes is validated."""
    fields = {"source_url": "https://example.com/a.mp4", **fields}
    job_id = str(deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4", **fields}).body["job_id"])
    admit(job_id, seconds, size)
    return job_id


def admit(job_id: str, seconds: float = 90, size: int = 700) -> None:
    assert job_id in admission_service.admit("acme", job_id=job_id)
    facts = SourceFacts(
        container="mp4", duration_seconds=seconds, size_bytes=size, sha256="0" * 64, video=None, audio=SOUND
    )
    job_store.record_source(job_id, job_store.get(job_id).attempt, facts)


def retry(deployment: Deployment, job_id: str, origin: str = "failed_task") -> None:
    assert deployment.ask("acme", "POST", f"/jobs/{job_id}/retry", {"from": origin}).status == 202
    admit(job_id)


def plan(deployment: Deployment, job_id: str) -> dict[str, bool]:
    """As the state machine does it, twice: a Lambda may be retried."""
    attempt = job_store.get(job_id).attempt
    first, second = (deployment.step("plan", job_id, attempt) for _ in range(2))
    assert first == second
    return dict(first)


def finish(job_id: str, stage: str) -> None:
    done = {name: TaskProgress(status="completed", progress=100) for name in STAGES[stage]}
    progress_store.report(job_id, job_store.get(job_id).attempt, done)


def used(deployment: Deployment) -> tuple[float, float, float]:
    document = deployment.ask("acme", "GET", "/usage").body
    minutes = document["minutes"]
    return document["quotas"]["minutes_per_month"]["used"], minutes["transcoded"], minutes["transcribed"]


def failure(job_id: str) -> tuple[Status, str | None]:
    job: Job = job_store.get(job_id)
    return job.status, job.error.code if job.error else None


@pytest.mark.parametrize("end", [Status.FAILED, Status.CANCELLED, Status.UPLOADING])
def test_an_attempt_is_charged_whatever_becomes_of_it(deployment: Deployment, end: Status) -> None:
    job_id = running(deployment)
    assert used(deployment) == (0, 0, 0)
    plan(deployment, job_id)
    transition_store.transition(job_id, end)
    assert used(deployment) == (1.5, 1.5, 1.5)


def test_a_deleted_job_gives_no_minutes_back(deployment: Deployment) -> None:
    job_id = running(deployment)
    plan(deployment, job_id)
    deployment.ask("acme", "DELETE", f"/jobs/{job_id}")
    assert used(deployment) == (1.5, 1.5, 1.5)


def test_each_attempt_is_charged_with_what_it_does_again(deployment: Deployment) -> None:
    job_id = running(deployment)
    plan(deployment, job_id)
    finish(job_id, "transcribe")
    transition_store.transition(job_id, Status.FAILED)
    retry(deployment, job_id)
    plan(deployment, job_id)
    assert used(deployment) == (3, 3, 1.5), "the transcript was there"
    finish(job_id, "media")
    transition_store.transition(job_id, Status.FAILED)
    retry(deployment, job_id)
    plan(deployment, job_id)
    assert used(deployment) == (3, 3, 1.5), "nothing was left to decode"
    transition_store.transition(job_id, Status.FAILED)
    retry(deployment, job_id, "start")
    plan(deployment, job_id)
    assert used(deployment) == (4.5, 4.5, 3)


def test_only_what_was_asked_for_is_charged(deployment: Deployment) -> None:
    plan(deployment, running(deployment, options={"transcription": {"enabled": False}}))
    assert used(deployment) == (1.5, 1.5, 0)
    speech = {"renditions": [], "audio": False, "thumbnail": False, "storyboard": False}
    plan(deployment, running(deployment, options=speech))
    assert used(deployment) == (3, 1.5, 1.5)


def test_an_attempt_that_does_not_fit_is_refused_by_name_and_not_charged(deployment: Deployment) -> None:
    quota_store.change("acme", {"minutes_per_month": 2})
    plan(deployment, running(deployment))
    for seconds in (90, 100_000):
        job_id = running(deployment, seconds)
        for _ in range(2):
            with pytest.raises(QuotaExceeded):
                deployment.step("plan", job_id, 1)
        steps_service.fail(job_id, 1, error="QuotaExceeded", cause="{}")
        assert failure(job_id) == (Status.FAILED, "minutes_quota_exceeded")
        document = deployment.ask("acme", "GET", f"/jobs/{job_id}").body
        assert "Go on next month, or ask for more" in document["error"]["message"]
    assert used(deployment) == (1.5, 1.5, 1.5)
    plan(deployment, running(deployment, 30))
    assert used(deployment) == (2, 2, 2)
    assert deployment.ask("acme", "POST", "/jobs", {"filename": "a"}).status == 429


def test_many_at_once_are_charged_up_to_the_quota_and_no_further(deployment: Deployment) -> None:
    quota_store.change("acme", {"minutes_per_month": 3})
    jobs = [running(deployment, 60) for _ in range(2)]  # two run at a time
    minutes_store_before = minutes_store.read("acme", deployment.clock.now()[:7])
    assert minutes_store_before["media_ms"] == 0

    def try_plan(job_id: str) -> bool:
        try:
            steps_service.plan(job_id, 1)
        except QuotaExceeded:
            return False
        return True

    with atomic_writes(), ThreadPoolExecutor(8) as pool:
        assert all(pool.map(try_plan, jobs * 4)), "a plan that comes again is charged once"
    assert used(deployment)[0] == 2


def test_a_fetched_source_that_does_not_fit_is_removed_and_not_counted(deployment: Deployment) -> None:
    quota_store.change("acme", {"stored_bytes": 1000})
    job_id = running(deployment, size=1001)
    deployment.upload(job_id, 7)
    for counts_first in (True, False):
        if counts_first:
            counter_store.update_counters(job_id)
        with pytest.raises(QuotaExceeded) if counts_first else pytest.raises((QuotaExceeded, RuntimeError)):
            deployment.step("plan", job_id, 1)
    assert failure(job_id) == (Status.FAILED, "storage_quota_exceeded")
    assert boto3.client("s3").list_objects_v2(Bucket="media", Prefix=source_key(job_id))["KeyCount"] == 0
    counter_store.update_counters(job_id)
    assert deployment.ask("acme", "GET", "/usage").body["storage"]["used_bytes"] == 0


@pytest.mark.parametrize("counted", [True, False])
def test_a_fetched_source_that_fits_is_not_counted_twice(deployment: Deployment, counted: bool) -> None:  # noqa: FBT001
    quota_store.change("acme", {"stored_bytes": 1000})
    job_id = running(deployment, size=1000)
    if counted:
        counter_store.update_counters(job_id)
    plan(deployment, job_id)
