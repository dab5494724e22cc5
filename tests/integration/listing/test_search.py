"""A part of a file name finds just the jobs that have it, whatever becomes of the events and however rare it is."""

import itertools
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from chalice.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs.accounts import key_store
from mediajobs.aws import batch_items
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.events import JobEvent, event_of
from mediajobs.jobs.lifecycle import Status
from mediajobs.listing import name_index_store
from mediajobs.timestamps import from_milliseconds
from tests.support.aws_calls import calls
from tests.support.functions import load
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
START = 1_772_000_000_000
SORTS = ["created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status"]


class Api:
    def __init__(self, client: Client, account: str) -> None:
        self.client = client
        self.key = key_store.create(account, requests_per_minute=100_000)

    def page(self, search: str, **query: Any) -> dict[str, Any]:
        path = f"/jobs?{urlencode({'search': search} | query, doseq=True)}"
        answer = self.client.http.get(path, headers={"X-API-Key": self.key})
        assert answer.status_code == 200, answer.body
        document: dict[str, Any] = answer.json_body
        return document

    def found(self, search: str, **query: Any) -> list[str]:
        return [job["job_id"] for job in self.page(search, **query)["jobs"]]


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with Client(load("api").app) as client:
        yield Api(client, "acme")


def create(filename: str, account: str = "acme", seconds: int = 0, **fields: Any) -> str:
    return create_job(at=START + 1000 * seconds, account=account, filename=filename, **fields).job_id


def created(filename: str, **fields: Any) -> str:
    """A job of which the index has heard."""
    job_id = create(filename, **fields)
    name_index_store.follow(birth(job_id))
    return job_id


def row(job_id: str) -> dict[str, Any]:
    image: dict[str, Any] = _table("JobsTable").get_item(Key={"job_id": job_id, "item": "job"})["Item"]
    return image


def birth(job_id: str) -> JobEvent:
    event = event_of({}, row(job_id))
    assert event is not None
    return event


def deleted(job_id: str) -> JobEvent:
    """Deletes the job, and gives the event of it."""
    event = event_of(row(job_id), {})
    assert event is not None
    _table("JobsTable").delete_item(Key={"job_id": job_id, "item": "job"})
    return event


def _table(name: str) -> Any:
    return boto3.resource("dynamodb").Table(name)


runs = map("search{}".format, itertools.count())
steps = st.lists(
    st.tuples(st.sampled_from(["Banana.mp4", "an.MOV", "n", "ÜBER 🎬.mp4", "ananas~1.mp4"]), st.booleans()), max_size=5
)


@given(steps=steps, chance=st.randoms(use_true_random=False), sort_by=st.sampled_from(SORTS))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_search_equals_a_plain_model(steps: list[tuple[str, bool]], chance: random.Random, sort_by: str) -> None:
    account = next(runs)
    model: dict[str, str] = {}
    events: list[JobEvent] = []
    for number, (filename, stays) in enumerate(steps):
        job_id = create(filename, account, seconds=number)
        events.append(birth(job_id))
        if chance.getrandbits(1):  # some are handled at once, and all of them again later, in any order
            name_index_store.follow(events[-1])
        if stays:
            model[job_id] = filename
        else:
            events.append(deleted(job_id))
    chance.shuffle(events)
    for event in events + events[:2]:
        name_index_store.follow(event)
    with Client(load("api").app) as client:
        api = Api(client, account)
        for word in ("AN", "ana", "n", "über", "🎬", "~1", ".mp4", "Banana.mp4", "x"):
            page = api.page(word, sort_by=sort_by)
            expected = {job_id for job_id, filename in model.items() if word.lower() in filename.lower()}
            assert {job["job_id"] for job in page["jobs"]} == expected
            assert (page["total"], page["total_relation"]) == (len(expected), "eq")


def test_a_late_first_event_leaves_nothing_behind_of_a_deleted_job() -> None:
    job_id = create("gone.mp4")
    first, last = birth(job_id), deleted(job_id)
    for event in (first, last, first):
        name_index_store.follow(event)
    assert _table("NameIndexTable").scan()["Items"] == []


def test_later_events_write_no_entries() -> None:
    job_id = created("a.mp4")
    before = row(job_id)
    job_store.set_priority(job_store.get(job_id), 9)
    raised = event_of(before, row(job_id))
    transition_store.transition(job_id, Status.QUEUED)
    queued = event_of(before, row(job_id))
    assert raised is not None
    assert queued is not None
    with calls() as sent:
        name_index_store.follow(raised)
        name_index_store.follow(queued)
    assert sent == []


def test_strangers_and_names_of_any_length(api: Api) -> None:
    long = created("Ⱥ" + "x" * 250 + ".mp4")
    wide = created("🎬" * 255)
    created("🎬" * 254 + "x", account="somebody else")
    assert api.found("ⱥX") == [long]
    assert api.found("🎬" * 255) == [wide]
    assert api.found("🎬" * 254 + "x") == []
    assert api.found("x.mp4") == [long]
    assert api.found("mp4/") == []


def test_a_word_that_is_longer_than_its_entries_is_checked_on_the_row(api: Api) -> None:
    name = "🎬" * 254
    ends = {ending: created(name + ending) for ending in "abc"}
    assert api.found(name + "b") == [ends["b"]]
    assert api.page(name + "b")["total"] == 1


def test_other_filters_and_dates_hold(api: Api) -> None:
    ids = [created(f"talk {n}.mp4", seconds=n, priority=1 + n % 2, batch_id=f"b{n % 3}") for n in range(6)]
    transition_store.transition(ids[4], Status.CANCELLED)
    assert api.found("talk", priority=2, sort_order="asc") == [ids[1], ids[3], ids[5]]
    assert api.found("talk", batch_id="b1") == [ids[4], ids[1]]
    assert api.found("talk", status="cancelled") == [ids[4]]
    assert api.found("talk", from_date=from_milliseconds(START + 2000), to_date=from_milliseconds(START + 3000)) == [
        ids[3],
        ids[2],
    ]


@pytest.mark.parametrize("first_is_rare", [True, False])
def test_a_list_goes_on_when_its_word_becomes_frequent_or_rare(
    api: Api, monkeypatch: pytest.MonkeyPatch, *, first_is_rare: bool
) -> None:
    ids = {created(f"talk {n % 2}.mp4", seconds=n, priority=1 + n % 2) for n in range(5)}
    for sort_by, order in itertools.product(SORTS, ["asc", "desc"]):
        ordered = {"sort_by": sort_by, "sort_order": order}
        expected = api.found("talk", **ordered)
        assert set(expected) == ids
        walked: list[str] = []
        cursor: dict[str, str] = {}
        for rare in (first_is_rare, not first_is_rare, first_is_rare):
            monkeypatch.setattr(name_index_store, "MAX_RARE", 100 if rare else 2)
            page = api.page("talk", per_page=2, **ordered, **cursor)
            assert page["total_relation"] == ("eq" if rare else "gte")
            walked += [job["job_id"] for job in page["jobs"]]
            cursor = {"cursor": page["next_cursor"]}
        assert walked == expected
        assert cursor == {"cursor": None}
        monkeypatch.setattr(name_index_store, "MAX_RARE", 100)


def test_as_many_entries_as_are_looked_up_take_twelve_calls(api: Api) -> None:
    """Of jobs that are gone, which costs the same."""
    ids = [f"{number:026d}" for number in range(name_index_store.MAX_RARE)]
    batch_items.write(
        "NameIndexTable", ({"PutRequest": {"Item": name_index_store._key("acme#w", f"word/{each}")}} for each in ids)
    )
    api.page("none")  # a key's first request begins its window
    with calls() as sent:
        assert api.page("word", sort_by="filename")["total"] == 0
    assert sent == ["UpdateItem", "Query"] + ["BatchGetItem"] * 9  # and one more for what runs
    with calls() as sent:
        api.page("word", per_page=100)
    assert sent == ["UpdateItem", "Query", "BatchGetItem"]
    created("word.mp4")
    with calls() as sent:
        assert len(api.found("word")) == 1
    assert sent == ["UpdateItem", "Query", "Query"]
