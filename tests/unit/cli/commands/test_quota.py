"""`mediajobs quota`: what it stores, and what it says."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from mediajobs.accounts import quota_store
from mediajobs.accounts.quotas import Quotas

runner = CliRunner()


def run(*arguments: str) -> Result:
    return runner.invoke(app, ["quota", "--account", "blue", *arguments])


def test_quotas_are_set_one_by_one_shown_and_lifted(cloud: None) -> None:
    assert "no limit" in run().stdout
    assert run("--concurrent-jobs", "5", "--stored-bytes", "1000000").exit_code == 0
    result = run("--minutes-per-month", "90", "--stored-bytes", "0", "--json")
    assert result.exit_code == 0, result.output
    told = {"account": "blue", "concurrent_jobs": 5, "minutes_per_month": 90, "stored_bytes": None}
    assert json.loads(result.stdout) == told
    assert quota_store.read("blue").quotas == Quotas(concurrent_jobs=5, minutes_per_month=90)
    assert "90" in run().stdout


@pytest.mark.parametrize("wrong", [("--concurrent-jobs", "-1"), ("--concurrent-jobs", "5001"), ("--stored-bytes", "x")])
def test_what_is_no_quota_is_refused(cloud: None, wrong: tuple[str, str]) -> None:
    assert run(*wrong).exit_code == 2


def test_it_says_which_tables_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDIAJOBS_HOME", str(tmp_path))
    for variable in ("COUNTERS_TABLE", "JOBS_TABLE"):
        monkeypatch.delenv(variable, raising=False)
    nowhere = run()
    assert nowhere.exit_code == 2
    assert "COUNTERS_TABLE, JOBS_TABLE" in nowhere.stderr
    monkeypatch.setenv("COUNTERS_TABLE", "Counters")
    assert "JOBS_TABLE must name the table there" in run().stderr
