"""Lists agree with a plain Python model, whatever the filters, the order and the way through the pages."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ulid import ULID

from mediajobs.accounts import key_store
from mediajobs.ids import ulid_bounds
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.listing import index_query, name_index_store
from mediajobs.pipeline import admission_service
from mediajobs.statistics import counter_store
from mediajobs.timestamps import from_milliseconds
from tests.support.aws_calls import calls
from tests.support.clocks import Clock
from tests.support.functions import load
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
START = 1_772_000_000_000
NAMES = ["Alps.mp4", "beach.MOV", "Über uns.mp4", "a b&c.mp4"]
SORTS = ["created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status"]


@dataclass
class Api:
    client: Client
    key: str

    def ask(self, path: str, query: dict[str, Any] | None = None) -> Any:
        text = f"?{urlencode(query, doseq=True)}" if query else ""
        return self.client.http.get(path + text, headers={"X-API-Key": self.key})

    def page(self, **query: Any) -> dict[str, Any]:
        answer = self.ask("/jobs", query)
        assert answer.status_code == 200, answer.body
        document: dict[str, Any] = answer.json_body
        return document

    def walk(self, **query: Any) -> list[str]:
        """The ids, from cursor to cursor."""
        ids: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(50):
            page = self.page(**query, **cursor)
            ids += [job["job_id"] for job in page["jobs"]]
            if page["next_cursor"] is None:
                return ids
            cursor = {"cursor": page["next_cursor"]}
        raise AssertionError("the list has no end")


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with Client(load("api").app) as client:
        yield Api(client, key_store.create("acme", requests_per_minute=100_000))


def create(number: int, account: str = "acme", **fields: Any) -> Job:
    own = {"filename": NAMES[number % 4], "priority": 1 + number % 3} | fields
    return create_job(at=START + 1000 * number, account=account, **own)


def first_event(job: Job) -> JobEvent:
    return JobEvent.model_validate(
        job.model_dump() | {"event_id": "", "version": 1, "status": "pending", "outputs": []}
    )


runs = map("run{}".format, itertools.count())
wishes = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from([Status.QUEUED, Status.FAILED, Status.CANCELLED])), max_size=8
)
orders = st.tuples(st.sampled_from(SORTS), st.sampled_from(["asc", "desc"]))
filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(["pending", "queued", "failed", "cancelled"]), min_size=1, max_size=3),
        "priority": st.integers(1, 3),
        "search": st.sampled_from(["ALPS", "mp4", "über", "&c", "none such"]),
        "batch_id": st.sampled_from(["b0", "b1"]),
        "from_date": st.integers(-1, 9).map(lambda n: from_milliseconds(START + 1000 * n)),
        "to_date": st.integers(-1, 9).map(lambda n: from_milliseconds(START + 1000 * n)),
    },
)


def matches(job: Job, wanted: dict[str, Any]) -> bool:
    return (
        job.status in wanted.get("status", list(Status))
        and job.priority == wanted.get("priority", job.priority)
        and wanted.get("search", "").lower() in job.filename.lower()
        and job.batch_id == wanted.get("batch_id", job.batch_id)
        and wanted.get("from_date", "") <= job.created_at <= wanted.get("to_date", "~")
    )


def place(job: Job, sort_by: str) -> tuple[Any, str]:
    values = {"filename": job.filename.lower(), "duration_seconds": 0, "completed_at": job.completed_at or ""}
    return values.get(sort_by, getattr(job, sort_by, None)), job.job_id


@given(steps=wishes, wanted=filters, ordered=orders, size=st.integers(1, 6))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_list_is_what_the_model_says(
    steps: list[tuple[int, Status]], wanted: dict[str, Any], ordered: tuple[str, str], size: int
) -> None:
    sort_by, order = ordered
    account = next(runs)
    ids = [create(number, account, batch_id=f"b{number % 2}").job_id for number in range(9)]
    create(3, f"{account}-stranger")
    for number, status in steps:
        transition_store.transition(ids[number], status)
    for job_id in ids:
        counter_store.update_counters(job_id)
        name_index_store.follow(first_event(job_store.get(job_id)))
    expected = sorted(
        (job for job in map(job_store.get, ids) if matches(job, wanted)),
        key=lambda job: place(job, sort_by),
        reverse=order == "desc",
    )
    with Client(load("api").app) as client:
        api = Api(client, key_store.create(account, requests_per_minute=100_000))
        query = {**wanted, "sort_by": sort_by, "sort_order": order, "per_page": size}
        assert api.walk(**query) == [job.job_id for job in expected]
        pages = -(-len(expected) // size)
        paged = [job["job_id"] for page in range(1, pages + 1) for job in api.page(**query, page=page)["jobs"]]
        assert paged == [job.job_id for job in expected]
        first = api.page(**query)
        assert (first["total"], first["total_relation"]) == (len(expected), "eq")
        assert api.page(**query | {"per_page": 500})["total"] == len(expected)


def test_the_papers_shape_and_the_link_to_the_next_page(api: Api) -> None:
    for number in range(3):
        counter_store.update_counters(create(number).job_id)
    answer = api.ask("/jobs", {"per_page": 2})
    document = answer.json_body
    assert {"total": 3, "page": 1, "per_page": 2, "total_pages": 2}.items() <= document.items()
    assert document["jobs"][0].keys() >= {
        "job_id", "status", "priority", "filename", "duration_seconds", "created_at", "completed_at", "progress",
    }  # fmt: skip
    link = answer.headers["Link"]
    assert link.endswith('>; rel="next"')
    rest = api.ask(link[1 : link.index(">")])
    assert [job["filename"] for job in rest.json_body["jobs"]] == [NAMES[0]]
    assert "Link" not in rest.headers


def test_a_cursor_that_was_changed_or_belongs_elsewhere_is_refused(api: Api) -> None:
    for number in range(3):
        create(number)
    cursor = api.page(per_page=1)["next_cursor"]
    stranger = Api(api.client, key_store.create("acme"))
    for who, query in (
        (api, {"cursor": cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")}),
        (api, {"cursor": cursor, "status": "failed"}),
        (api, {"cursor": cursor, "page": 2}),
        (api, {"cursor": "ü"}),
        (api, {"cursor": f"{cursor}===="}),
        (stranger, {"cursor": cursor}),
    ):
        assert who.ask("/jobs", query).status_code == 400


@pytest.mark.parametrize("name", ["per_page", "search", "sort_by", "cursor"])
def test_what_can_be_there_once_is_not_there_twice(api: Api, name: str) -> None:
    answer = api.ask("/jobs", {name: ["1", "1"]})
    assert (answer.status_code, f"{name} is there 2 times. Give it once" in answer.json_body["detail"]) == (422, True)


def test_pages_end_at_ten_thousand_and_name_the_cursor(api: Api) -> None:
    answer = api.ask("/jobs", {"page": 101, "per_page": 100})
    assert answer.status_code == 400
    assert "cursor" in answer.json_body["detail"]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"per_page": 501},
        {"sort_by": "size"},
        {"status": "sleeping"},
        {"priority": 11},
        {"search": ""},
        {"x": 1},
    ],
)
def test_a_query_that_is_not_as_it_should_be_is_422(api: Api, query: dict[str, Any]) -> None:
    assert api.ask("/jobs", query).status_code == 422


def test_a_page_costs_the_same_for_few_jobs_and_for_many(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client, reads = index_query._client(), []
    query = client.query

    def counted(**request: Any) -> Any:
        answer = query(**request)
        reads.append(answer["ScannedCount"])
        return answer

    monkeypatch.setattr(client, "query", counted)
    costs = []
    for number in (12, 60):
        for job in range(number):
            create(100 * number + job)
        for sort_by in SORTS:
            api.page(per_page=5, sort_by=sort_by)
        api.page(per_page=5, status="pending")
        costs.append(list(reads))
        reads.clear()
    assert costs[0] == costs[1]
    assert set(costs[0]) == {6}


def test_several_statuses_cost_as_many_reads_however_rare_they_are(api: Api) -> None:
    ended = [create(number).job_id for number in (0, 7, 14, 21, 28)]
    for job_id, status in zip(ended, [Status.FAILED, Status.CANCELLED] * 3, strict=False):
        transition_store.transition(job_id, status)
    for number in range(30, 60):
        create(number)
    with calls() as sent:
        page = api.page(per_page=2, status=["failed", "cancelled"])
    assert [job["job_id"] for job in page["jobs"]] == ended[:-3:-1]
    assert sent.count("Query") == 2
    assert api.walk(per_page=2, status=["failed", "cancelled"], sort_order="asc") == ended


def test_a_page_takes_three_calls_with_its_total_and_the_progress_of_what_runs(api: Api) -> None:
    for number in range(3):
        job = create(number)
        transition_store.transition(job.job_id, Status.QUEUED)
        admission_service.admit_waiting("acme")
        counter_store.update_counters(job.job_id)
    api.page()  # a key's first request begins its window
    for query in ({}, {"status": "processing"}, {"priority": 2}, {"from_date": "2026-02-25", "to_date": "2026-03-02"}):
        with calls() as sent:
            page = api.page(per_page=1, **query)
        assert sent == ["UpdateItem", "Query", "BatchGetItem"]
        assert page["total_relation"] == "eq"


class TestOfTheLastMinutes:
    """Their counters may not be there yet."""

    @pytest.fixture(autouse=True)
    def two_hours_of_jobs(self, api: Api, clock: Clock) -> None:
        self.now = (clock.milliseconds - START) // 1000
        for number in (self.now - 7200, self.now - 3600):
            counter_store.update_counters(create(number, priority=3, batch_id="old").job_id)
        recent = [create(self.now - 5 + number, priority=3 + number % 2, batch_id="new") for number in range(4)]
        counter_store.update_counters(recent[0].job_id)

    @pytest.mark.parametrize(
        ("query", "total"),
        [
            ({}, 6),
            ({"priority": 3}, 4),
            ({"batch_id": "new"}, 4),
            ({"batch_id": "new", "priority": 4}, 2),
            ({"batch_id": "old"}, 2),
            ({"from_date": -3600}, 5),
            ({"to_date": -4}, 4),
            ({"from_date": -3}, 2),
            ({"batch_id": "new", "from_date": -4}, 3),
            ({"batch_id": "old", "to_date": -4000}, 1),
        ],
    )
    def test_jobs_are_in_the_total_at_once(self, api: Api, query: dict[str, Any], total: int) -> None:
        times = {
            name: from_milliseconds(START + 1000 * (self.now + value))
            for name, value in query.items()
            if name.endswith("date")
        }
        api.page()  # a process reads a key's row with its first request
        with calls() as sent:
            page = api.page(**query | times, per_page=1)
        assert (page["total"], page["total_relation"]) == (total, "eq")
        assert len([call for call in sent if call != "UpdateItem"]) <= 3

    def test_more_than_can_be_counted_is_at_least_what_was_counted(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index_query, "_FILTERED_READS", (2, 2))
        page = api.page(per_page=1)
        assert (page["total"], page["total_relation"]) == (4, "gte")
        page = api.page(per_page=1, batch_id="new")
        assert (page["total"], page["total_relation"]) == (2, "gte")


def test_the_bounds_of_ulids_hold_every_ulid_of_the_span() -> None:
    low, high = ulid_bounds(START, START)
    assert low <= str(ULID.from_timestamp(START / 1000)) <= high
    assert high < ulid_bounds(START + 1, None)[0]


def test_a_deep_page_of_large_rows_is_whole(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.dynamodb.models.table.RESULT_SIZE_LIMIT", 4000)  # bytes a read gives, of a million
    ids = [create(number, filename="x" * 255).job_id for number in range(24)]
    assert [job["job_id"] for job in api.page(sort_order="asc", page=4, per_page=6)["jobs"]] == ids[18:]


def test_a_total_is_never_less_than_what_is_shown(api: Api) -> None:
    for number in range(3):
        transition_store.transition(create(number).job_id, Status.CANCELLED)  # and nobody has counted it yet
    page = api.page(status="cancelled", per_page=2)
    assert (len(page["jobs"]), page["total"], page["total_relation"]) == (2, 3, "gte")
