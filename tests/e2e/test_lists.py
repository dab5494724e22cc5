"""Lists and statistics on the deployed stack, by HTTP and on the command line."""

import time
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.local import Stack
from tests.e2e.conftest import Api

BATCH = "lists"


@pytest.fixture(scope="module")
def created(api: Api) -> list[str]:
    """Three jobs of one batch, which nobody uploads anything for, one of them cancelled."""
    ids = [str(api.create(filename=f"{name}.mp4", batch_id=BATCH)["job_id"]) for name in ("Alps", "beach", "city")]
    assert api.ask("POST", f"/jobs/{ids[1]}/cancel", json={}).status_code == 200
    return ids


@pytest.fixture
def command_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MEDIAJOBS_API_URL", stack.api_url)
    monkeypatch.setenv("MEDIAJOBS_API_KEY", stack.api_key or "")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def ids_of(api: Api, query: str) -> list[str]:
    answer = api.ask("GET", f"/jobs?batch_id={BATCH}{query}")
    assert answer.status_code == 200, answer.text
    return [job["job_id"] for job in answer.json()["jobs"]]


def test_jobs_are_listed_filtered_sorted_and_paged(api: Api, created: list[str]) -> None:
    assert ids_of(api, "") == created[::-1]
    assert ids_of(api, "&sort_by=filename&sort_order=asc") == created
    assert ids_of(api, "&status=cancelled") == [created[1]]
    assert ids_of(api, "&status=cancelled&status=pending&search=EA") == [created[1]]
    first = api.ask("GET", f"/jobs?batch_id={BATCH}&per_page=2")
    rest = api.ask("GET", first.headers["Link"].split(">")[0].removeprefix("<"))
    assert [job["job_id"] for job in first.json()["jobs"] + rest.json()["jobs"]] == created[::-1]
    assert rest.json()["next_cursor"] is None


def test_statistics_follow_the_jobs(api: Api, created: list[str]) -> None:
    times = [api.document(job_id)["created_at"] for job_id in created]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = api.ask("GET", f"/jobs/stats?from_date={times[0]}&to_date={times[-1]}").json()
        counts = {status: number for status, number in found["status_breakdown"].items() if number}
        if counts == {"pending": 2, "cancelled": 1}:
            return
        time.sleep(0.2)
    raise AssertionError(f"the statistics never got there: {found}")


def test_the_command_line_lists_and_counts(command_line: Any, created: list[str]) -> None:
    listed = command_line("list", "--batch", BATCH, "--status", "cancelled")
    assert listed.exit_code == 0, listed.output
    assert created[1] in listed.output
    assert "beach.mp4" in listed.output
    assert created[0] not in listed.output
    counted = command_line("stats", "--from", "2026-01-01")
    assert counted.exit_code == 0, counted.output
    assert "jobs" in counted.output
