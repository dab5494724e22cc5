"""Lists and statistics on the deployed stack, by HTTP and on the command line."""

from typing import Any

import pytest

from tests.e2e.conftest import Api
from tests.support.waiting import until

BATCH = "lists"


@pytest.fixture(scope="module")
def created(api: Api) -> list[str]:
    """Three jobs of one batch, which nobody uploads anything for, one of them cancelled."""
    ids = [str(api.create(filename=f"{name}.mp4", batch_id=BATCH)["job_id"]) for name in ("Alps", "beach", "city")]
    assert api.ask("POST", f"/jobs/{ids[1]}/cancel", json={}).status_code == 200
    return ids


def ids_of(api: Api, query: str) -> list[str]:
    answer = api.ask("GET", f"/jobs?batch_id={BATCH}{query}")
    assert answer.status_code == 200, answer.text
    return [job["job_id"] for job in answer.json()["jobs"]]


def test_jobs_are_listed_filtered_sorted_and_paged(api: Api, created: list[str]) -> None:
    assert ids_of(api, "") == created[::-1]
    assert ids_of(api, "&sort_by=filename&sort_order=asc") == created
    assert ids_of(api, "&status=cancelled") == [created[1]]
    until(lambda: ids_of(api, "&status=cancelled&status=pending&search=EA") == [created[1]])
    first = api.ask("GET", f"/jobs?batch_id={BATCH}&per_page=2")
    rest = api.ask("GET", first.headers["Link"].split(">")[0].removeprefix("<"))
    assert [job["job_id"] for job in first.json()["jobs"] + rest.json()["jobs"]] == created[::-1]
    assert rest.json()["next_cursor"] is None


def test_statistics_follow_the_jobs(api: Api, created: list[str]) -> None:
    times = [api.document(job_id)["created_at"] for job_id in created]

    def counts() -> dict[str, int]:
        found = api.ask("GET", f"/jobs/stats?from_date={times[0]}&to_date={times[-1]}").json()
        return {status: number for status, number in found["status_breakdown"].items() if number}

    until(lambda: counts() == {"pending": 2, "cancelled": 1})


def test_a_part_of_a_name_is_found_until_its_job_is_deleted(api: Api) -> None:
    job_id = api.create(filename="Zürich~Zermatt.mp4")["job_id"]

    def found(word: str) -> Any:
        return api.ask("GET", "/jobs", params={"search": word, "sort_by": "filename"}).json()

    until(lambda: found("ÜRICH~z")["total"] == 1)
    assert [job["job_id"] for job in found("h~Z")["jobs"]] == [job_id]
    assert api.ask("DELETE", f"/jobs/{job_id}").status_code == 200
    assert found("ÜRICH~z")["jobs"] == []


def test_totals_are_right_at_once(api: Api) -> None:
    began = api.create(filename="first of five.mp4", priority=9)["job_id"]
    for _ in range(4):
        api.create(filename="and more.mp4", priority=9)
    since = api.document(began)["created_at"]
    for query in (f"from_date={since}", f"from_date={since}&priority=9"):
        page = api.ask("GET", f"/jobs?per_page=2&{query}").json()
        assert (page["total"], page["total_relation"]) == (5, "eq")


def test_a_batch_tells_how_it_is(api: Api, created: list[str], command_line: Any) -> None:
    def batch() -> Any:
        return api.ask("GET", f"/batches/{BATCH}?per_page=2").json()

    until(lambda: batch()["total"] == 3)
    found = batch()
    assert {status: n for status, n in found["status_breakdown"].items() if n} == {"pending": 2, "cancelled": 1}
    assert [job["job_id"] for job in found["jobs"]] == [created[2], created[1]]
    assert (found["overall_progress"], found["eta_seconds"]) == (0, None)
    told = command_line("batch", BATCH)
    assert told.exit_code == 0, told.output
    assert "cancelled" in told.output
    assert api.ask("GET", "/batches/nobody-has-this").status_code == 404


def test_counters_follow_another_priority(api: Api) -> None:
    for _ in range(3):
        job_id = api.create(filename="a.mp4", batch_id="moved")["job_id"]
        assert api.ask("PATCH", f"/jobs/{job_id}/priority", json={"priority": 8}).status_code == 200
    # With a status in it, the total of a list that goes on is the counters' alone.
    counted = "/jobs?per_page=1&status=pending&batch_id=moved&priority=8"
    until(lambda: bool(api.ask("GET", counted).json()["total"] == 3))


def test_the_command_line_lists_and_counts(command_line: Any, created: list[str]) -> None:
    listed = command_line("list", "--batch", BATCH, "--status", "cancelled")
    assert listed.exit_code == 0, listed.output
    assert created[1] in listed.output
    assert "beach.mp4" in listed.output
    assert created[0] not in listed.output
    counted = command_line("stats", "--from", "2026-01-01")
    assert counted.exit_code == 0, counted.output
    assert "jobs" in counted.output
