"""What was created together: its counts, its progress, its end."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import Client

from mediajobs.accounts import key_store
from mediajobs.jobs import job_store, processing_rate_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.source import SourceFacts
from mediajobs.pipeline import admission_service
from mediajobs.statistics import counter_store
from tests.support.aws_calls import calls
from tests.support.functions import load
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
START = 1_772_000_000_000
SOURCE = SourceFacts(container="mp4", duration_seconds=10, size_bytes=9, sha256="", video=None, audio=None)


class Api:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.keys = {account: key_store.create(account, requests_per_minute=1000) for account in ("acme", "other")}

    def ask(self, batch_id: str = "b", account: str = "acme", **query: Any) -> Any:
        path = f"/batches/{batch_id}?{urlencode(query)}"
        return self.client.http.get(path, headers={"X-API-Key": self.keys[account]})

    def batch(self, **query: Any) -> dict[str, Any]:
        answer = self.ask(**query)
        assert answer.status_code == 200, answer.body
        document: dict[str, Any] = answer.json_body
        return document


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with Client(load("api").app) as client:
        yield Api(client)


def create(number: int, *, counted: bool = True, **fields: Any) -> str:
    job_id = create_job(at=START + 1000 * number, **{"batch_id": "b"} | fields).job_id
    if counted:
        counter_store.update_counters(job_id)
    return job_id


def run(job_id: str, *, seconds: float | None = None) -> None:
    """Admits a job; with `seconds`, completes it after so many."""
    transition_store.transition(job_id, Status.QUEUED)
    assert job_id in admission_service.admit_waiting("acme")
    job_store.record_source(job_id, 1, SOURCE)
    if seconds is not None:
        for status in (Status.TRANSCODING, Status.UPLOADING):
            transition_store.transition(job_id, status)
        transition_store.transition(job_id, Status.COMPLETED, changes={"processing_time": {"total_seconds": seconds}})
    counter_store.update_counters(job_id)


def remove(job_id: str, *, counted: bool) -> None:
    transition_store.transition(job_id, Status.CANCELLED)
    job_store.remove(job_store.get(job_id), schedule_cleanup=False)
    if counted:
        counter_store.update_counters(job_id)


def test_a_batch_tells_its_counts_its_progress_and_its_jobs_by_page(api: Api) -> None:
    ids = [create(number) for number in range(5)]
    create(9, batch_id="another")
    run(ids[0], seconds=40)
    transition_store.transition(ids[1], Status.CANCELLED)
    counter_store.update_counters(ids[1])
    run(ids[2])
    progress_store.report(ids[2], 1, {"validate_video": TaskProgress(status="completed", progress=100)})
    first = api.batch(per_page=2)
    assert first["status_breakdown"] == dict.fromkeys(Status, 0) | {
        "pending": 2, "processing": 1, "completed": 1, "cancelled": 1,
    }  # fmt: skip
    assert (first["batch_id"], first["total"], first["page"], first["total_pages"]) == ("b", 5, 1, 3)
    assert first["overall_progress"] == (100 + 5) // 5
    # Two wait and one runs, each for the 40 s that one took; two may run at a time.
    assert (first["eta_seconds"], first["eta_range"]) == (60, [20, 200])
    second = api.batch(per_page=2, cursor=first["next_cursor"])
    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[:0:-1]
    assert second["jobs"][0] == {**second["jobs"][0], "status": "processing", "progress": 5}
    assert api.batch(per_page=2, page=3)["jobs"][0]["job_id"] == ids[0]


def test_what_a_job_takes_is_learned_elsewhere_where_the_batch_cannot_say(api: Api) -> None:
    processing_rate_store.learn({"media": 20, "transcribe#base": 10}, 10)
    ids = [create(0), create(1)]
    assert api.batch()["eta_seconds"] is None
    run(ids[0])
    assert api.batch()["eta_seconds"] == 20


def test_at_its_end_nothing_is_left_and_a_hundred_is_for_completed_jobs_alone(api: Api) -> None:
    done, gone = create(0), create(1)
    run(done, seconds=5)
    transition_store.transition(gone, Status.FAILED)
    counter_store.update_counters(gone)
    batch = api.batch()
    assert (batch["overall_progress"], batch["eta_seconds"], batch["eta_range"]) == (50, 0, [0, 0])
    job_store.remove(job_store.get(gone), schedule_cleanup=False)
    counter_store.update_counters(gone)
    assert api.batch()["overall_progress"] == 100


def test_a_batch_is_there_before_its_counters_are(api: Api) -> None:
    for number in range(3):
        create(number, counted=False)
    assert api.batch()["total"] == 3
    assert api.batch(per_page=2)["total"] == 2


def test_every_page_of_a_batch_tells_the_counts_of_all_of_it(api: Api) -> None:
    for number in range(5):
        create(number)
    first = api.batch(per_page=2)
    second = api.batch(per_page=2, cursor=first["next_cursor"])
    third = api.batch(per_page=2, cursor=second["next_cursor"])
    assert (len(third["jobs"]), third["next_cursor"]) == (1, None)
    for page in (first, second, third):
        assert (page["total"], page["total_pages"], page["status_breakdown"]["pending"]) == (5, 3, 5)


@pytest.mark.parametrize("counted", [True, False])
def test_a_batch_is_there_although_its_last_page_is_gone(api: Api, *, counted: bool) -> None:
    ids = [create(number, counted=counted) for number in range(3)]
    first = api.batch(per_page=2)
    remove(ids[0], counted=counted)
    last = api.batch(per_page=2, cursor=first["next_cursor"])
    beyond = api.batch(per_page=2, page=2)
    for page in (last, beyond):
        assert (page["jobs"], page["total"], page["status_breakdown"]["pending"]) == ([], 2, 2)
    for job_id in ids[1:]:
        remove(job_id, counted=counted)
    assert api.ask(per_page=2, cursor=first["next_cursor"]).status_code == 404


def test_nobodys_a_strangers_and_a_malformed_batch_are_404(api: Api) -> None:
    create(0)
    for answer in (api.ask("nothing"), api.ask("b", "other"), api.ask("b%20"), api.ask("x" * 65)):
        assert answer.status_code == 404
        assert "batch_id" in answer.json_body["detail"]
    assert api.ask(cursor="wrong").status_code == 400


def test_a_batch_costs_four_calls_however_large_it_is(api: Api) -> None:
    for number in range(20):
        job_id = create(number)
        if number < 2:
            run(job_id)
        if number in (3, 19):
            api.batch()  # a key's first request begins its window
            with calls() as sent:
                api.batch(per_page=2)
            assert sorted(sent) == ["BatchGetItem", "BatchGetItem", "Query", "UpdateItem"]
