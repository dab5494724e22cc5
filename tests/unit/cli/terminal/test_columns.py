"""Tables: ids stay whole whatever the width."""

import io
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from infra.cli.main import app
from infra.cli.terminal.columns import print_rows
from tests.unit.cli.conftest import JOB_ID, FakeApi

NAME = "a-very-long-name-without-any-space-" * 6 + ".mp4"
JOB = {"job_id": JOB_ID, "created_at": "2026-11-23T22:00:00Z", "status": "completed", "progress": 100, "filename": NAME}


@pytest.fixture(autouse=True)
def jobs(api: FakeApi) -> None:
    api.documents["/jobs"] = {"jobs": [JOB], "total": 1, "total_relation": "eq"}


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_job_id_is_whole_at_every_width(columns: str) -> None:
    shown = CliRunner().invoke(app, ["list"], env={"COLUMNS": columns})
    assert shown.exit_code == 0, shown.output
    assert f"{JOB_ID}  2026-11-23T22:00:00  completed" in shown.stdout
    assert "…" not in shown.stdout


def test_in_a_pipe_a_row_is_one_line_and_no_longer_than_it_is(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    api.documents["/jobs"] = {"jobs": [JOB, JOB | {"filename": "b.mp4"}], "total": 2, "total_relation": "eq"}
    assert CliRunner().invoke(app, ["list"]).stdout.splitlines() == [
        f"{JOB_ID}  2026-11-23T22:00:00  completed  100 %  {NAME}",
        f"{JOB_ID}  2026-11-23T22:00:00  completed  100 %  b.mp4",
        "2 of 2 jobs",
    ]


def test_of_no_jobs_there_is_but_the_count(api: FakeApi) -> None:
    api.documents["/jobs"] = {"jobs": [], "total": 0, "total_relation": "eq"}
    assert CliRunner().invoke(app, ["list"]).stdout == "0 of 0 jobs\n"


def test_columns_that_give_way_are_folded_and_the_others_are_longer_than_the_screen() -> None:
    out = Console(file=io.StringIO(), width=20)
    print_rows(out, [("1" * 26, "abcdefghij")], min_widths={1: 4})
    told: Any = out.file
    assert [line.split() for line in told.getvalue().splitlines()] == [["1" * 26, "abcd"], ["efgh"], ["ij"]]
