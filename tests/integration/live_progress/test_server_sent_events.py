"""Server-sent events through the real handler, on the template's tables in process."""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from chalice.test import Client, HTTPResponse

from mediajobs.accounts import key_store
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from tests.support.functions import load
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")


class Browser:
    """An EventSource: it keeps the last event's id, and gives it when it asks again."""

    def __init__(self, client: Client, account: str, limit: int = 100) -> None:
        self._client = client
        self._key = key_store.create(account, requests_per_minute=limit)
        self.last_id = ""

    def ask(self, job_id: str, accept: str = "text/event-stream") -> HTTPResponse:
        headers = {"Accept": accept} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        answer = self._client.http.request("GET", f"/events/{job_id}/progress?api_key={self._key}", headers)
        for line in answer.body.decode().splitlines():
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
        return answer

    def events(self, job_id: str) -> list[tuple[str, dict[str, object]]]:
        answer = self.ask(job_id)
        assert answer.status_code == 200, answer.body
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        text = answer.body.decode()
        assert text.startswith("retry: 2000\n")
        assert text.endswith("\n\n")
        names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
        data = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
        return list(zip(names, data, strict=True))


@pytest.fixture
def client(cloud: None) -> Iterator[Client]:
    with Client(load("api").app) as client:
        yield client


def created(account: str = "acme") -> str:
    return create_job(account=account, filename="talk.mp4").job_id


def test_a_browser_sees_each_state_once_and_is_sent_away_after_the_end(client: Client) -> None:
    browser, job_id = Browser(client, "acme"), created()
    [(name, first)] = browser.events(job_id)
    assert (name, first["status"], first["overall_progress"]) == ("progress", "pending", 0)
    assert browser.events(job_id) == []
    transition_store.transition(job_id, Status.CANCELLED)
    (one, state), (other, end) = browser.events(job_id)
    assert (one, other) == ("progress", "complete")
    assert state == end
    assert end["status"] == "cancelled"
    assert str(end["sequence"]) > str(first["sequence"])
    answer = browser.ask(job_id)
    assert (answer.status_code, answer.body) == (204, b"")


def test_who_comes_after_the_end_is_told_it_and_a_retry_goes_on(client: Client) -> None:
    browser, job_id = Browser(client, "acme"), created()
    transition_store.transition(job_id, Status.CANCELLED)
    browser.last_id = "12; no id of ours"
    assert [name for name, _ in browser.events(job_id)] == ["progress", "complete"]
    transition_store.transition(job_id, Status.QUEUED, retry=True)
    [(name, state)] = browser.events(job_id)
    assert (name, state["status"]) == ("progress", "queued")


def test_a_browser_that_asks_too_often_is_put_off_and_does_not_give_up(client: Client) -> None:
    """Any status but 200 ends an EventSource for good."""
    browser, job_id = Browser(client, "acme", limit=1), created()
    assert len(browser.events(job_id)) == 1
    answer = browser.ask(job_id)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert answer.headers["RateLimit"].startswith('"default";r=0;t=')
    wait = int(answer.body.decode().removeprefix("retry: ").removesuffix("\n\n"))
    assert 1000 <= wait <= 60_000
    assert browser.ask(job_id, accept="*/*").status_code == 429


def test_while_a_table_does_not_answer_a_browser_is_put_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "TransactGetItems")

    monkeypatch.setattr(job_store, "get_with_progress", fail)
    browser, job_id = Browser(client, "acme"), created()
    answer = browser.ask(job_id)
    assert (answer.status_code, answer.body) == (200, b"retry: 5000\n\n")
    assert browser.ask(job_id, accept="application/json").status_code == 503


def test_somebody_elses_job_is_refused_and_no_job_is_not_found(client: Client) -> None:
    assert Browser(client, "other").ask(created()).status_code == 403
    assert Browser(client, "acme").ask("01ARZ3NDEKTSV4RRFFQ69G5FAV").status_code == 404
