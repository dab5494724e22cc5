"""Exports and retries of many on the deployed stack, by HTTP and on the command line."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local import Stack
from tests.e2e.conftest import Api
from tests.support.waiting import HANG_SECONDS, until

BATCH = "many"
NAMES = ["=1+1.mp4", "Über uns.mp4", "city.mp4"]


@pytest.fixture(scope="module")
def created(api: Api) -> list[str]:
    """Three jobs of one batch, which nobody uploads anything for; the first two are cancelled."""
    ids = [str(api.create(filename=name, batch_id=BATCH)["job_id"]) for name in NAMES]
    for job_id in ids[:2]:
        assert api.ask("POST", f"/jobs/{job_id}/cancel", json={}).status_code == 200
    return ids


def test_an_export_is_the_list_and_a_download(api: Api, created: list[str]) -> None:
    listed = api.ask("GET", f"/jobs?batch_id={BATCH}").json()["jobs"]
    assert [job["job_id"] for job in listed] == created[::-1]
    answer = api.ask("GET", f"/jobs/export?format=json&batch_id={BATCH}")
    assert answer.json() == listed
    answer = api.ask("GET", f"/jobs/export?batch_id={BATCH}&sort_order=asc")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    found = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [row["filename"] for row in found] == [f"'{NAMES[0]}", *NAMES[1:]]
    assert [row["job_id"] for row in found] == created


def test_an_export_that_takes_long_is_made_in_the_background(api: Api, stack: Stack, created: list[str]) -> None:
    """Handed over as the API hands over what it has no time for."""
    place = f"/exports/{hand_over(stack)}"

    def ended() -> requests.Response | None:
        answer = api.ask("GET", place)
        if answer.status_code != 202:
            return answer
        assert answer.json()["status"] == "running"
        assert answer.headers["Location"] == place
        return None

    answer = until(ended)
    assert answer is not None
    assert answer.status_code == 303, answer.text
    found = requests.get(answer.headers["Location"], timeout=HANG_SECONDS)
    assert found.headers["Content-Disposition"].startswith("attachment; filename=")
    assert [job["job_id"] for job in found.json()] == created[::-1]
    assert api.ask("GET", "/exports/01ARZ3NDEKTSV4RRFFQ69G5FAV").status_code == 404


def hand_over(stack: Stack) -> str:
    """The id of an export of the batch, begun in a process of its own: clients are kept."""
    code = (
        "from mediajobs.exports import export_service\n"
        "from mediajobs.exports.export import ExportJobs\n"
        f"run = export_service.new('demo', ExportJobs(format='json', batch_id='{BATCH}'))\n"
        "export_service.enqueue(run)\n"
        "print(run.export.export_id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=True,
    )
    return done.stdout.strip()


def test_the_command_line_exports(command_line: Any, created: list[str], tmp_path: Path) -> None:
    file = tmp_path / "jobs.csv"
    asked = ("export", "--batch", BATCH, "--status", "cancelled")
    done = command_line(*asked, "--sort", "filename", "--output", str(file))
    assert done.exit_code == 0, done.output
    assert [line.split(",")[0] for line in file.read_text().splitlines()] == ["job_id", created[1], created[0]]
    printed = command_line(*asked, "--format", "json", "--ascending")
    assert [job["job_id"] for job in json.loads(printed.stdout)] == created[:2]


def test_a_cancelled_batch_is_retried_at_once(api: Api, created: list[str], command_line: Any, tmp_path: Path) -> None:
    file = tmp_path / "broken.mp4"
    file.write_bytes(b"no video at all")
    uploaded = [api.submit(file, batch_id=BATCH) for _ in range(2)]
    for job_id in uploaded:
        api.ask("POST", f"/jobs/{job_id}/cancel", json={})  # or it has failed by itself
    answer = api.ask("POST", "/jobs/retry", json={"filter": {"batch_id": BATCH}})
    assert answer.status_code == 202, answer.text
    reasons = {"source_never_uploaded": 2}
    assert answer.json() == {"matched": 4, "retried": 2, "refused": 2, "reasons": reasons, "continues": False}
    assert [api.document(job_id)["attempt"] for job_id in (*created, *uploaded)] == [1, 1, 1, 2, 2]
    again = command_line("retry", "--all", "--batch", BATCH, "--status", "cancelled")
    assert again.exit_code == 0, again.output
    assert "2 refused: source_never_uploaded" in again.output
