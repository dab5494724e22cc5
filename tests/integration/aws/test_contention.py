"""An item that others keep writing: the caller is told to try again, and a task goes on."""

from collections.abc import Iterator

import pytest
from chalice.test import Client

from mediajobs.accounts import key_store
from mediajobs.aws import backoff
from mediajobs.errors import Contention
from mediajobs.jobs import job_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.pipeline import admission_service
from statemachine.tasks.progress_reporter import StoreReporter
from tests.support.functions import load
from tests.support.jobs import create_job
from tests.support.refused_writes import CONFLICT, refused

pytestmark = pytest.mark.usefixtures("cloud")

TRIES_OF_ONE_WRITE = 8


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds, that were asked for; none is made."""
    pauses: list[float] = []
    monkeypatch.setattr("mediajobs.aws.backoff.time.sleep", pauses.append)
    return pauses


@pytest.fixture
def running() -> str:
    create_job(job_id="J", status=Status.QUEUED)
    assert admission_service.admit("acme") == ["J"]
    return "J"


def test_a_write_gives_up_after_its_tries_with_a_pause_before_each(running: str, slept: list[float]) -> None:
    with refused("UpdateItem", CONFLICT, times=100) as met, pytest.raises(Contention):
        job_store.set_priority(job_store.get(running), 9)
    assert len(met) == TRIES_OF_ONE_WRITE
    assert len(slept) == TRIES_OF_ONE_WRITE - 1


def test_the_api_answers_503_and_when_to_come_again() -> None:
    key = key_store.create("acme")
    with Client(load("api").app) as client:
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        created = client.http.request("POST", "/jobs", headers=headers, body=b'{"filename": "a.mp4"}')
        path = f"/jobs/{created.json_body['job_id']}/priority"
        with refused("UpdateItem", CONFLICT, times=100, only=lambda request: request["TableName"] == "JobsTable"):
            answer = client.http.request("PATCH", path, headers=headers, body=b'{"priority": 9}')
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "try again" in answer.json_body["detail"]
        assert client.http.request("PATCH", path, headers=headers, body=b'{"priority": 9}').status_code == 200


def test_a_task_whose_reports_lose_more_races_than_a_write_has_tries_goes_on(running: str) -> None:
    with refused("UpdateItem", CONFLICT, times=3 * TRIES_OF_ONE_WRITE) as met:
        StoreReporter(running, 1).finish("store_source")
    progress = progress_store.read(running)
    assert progress is not None
    assert (met.count(True), progress.tasks["store_source"].status) == (3 * TRIES_OF_ONE_WRITE, "completed")


def test_a_task_gives_up_in_the_end(running: str) -> None:
    with refused("UpdateItem", CONFLICT, times=10_000), pytest.raises(Contention):
        StoreReporter(running, 1).finish("store_source")


def test_a_race_for_the_jobs_row_pauses_between_its_tries(running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    attempts = backoff.attempts

    def counted(count: int, **pauses: float) -> Iterator[int]:
        for number in attempts(count, **pauses):
            tried.append(number)
            yield number

    monkeypatch.setattr(backoff, "attempts", counted)
    stale = job_store.get(running)
    transition_store.transition(running, Status.TRANSCODING)
    transition_store.transition(running, Status.CANCELLED, current=stale)
    assert tried.count(1) == 1  # the second transition found the row changed, and read it again
