"""`mediajobs health`: what it prints, and how it ends."""

import json

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from tests.unit.cli.conftest import FakeApi

WELL = {
    "overall": "healthy",
    "services": {
        "s3": {"status": "healthy", "latency_ms": 3.5},
        "compute": {"status": "healthy", "workers": 2},
        "disk": {"status": "healthy", "total_gb": 100.0, "used_gb": 40.0, "free_gb": 60.0, "free_percent": 60.0},
    },
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["health", *arguments])


def test_a_healthy_service_is_told_part_by_part(api: FakeApi) -> None:
    api.health = WELL
    result = run()
    assert result.exit_code == 0, result.output
    told = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()}
    assert told == {
        "overall": "healthy",
        "s3": "healthy 3.5 ms",
        "compute": "healthy workers: 2",
        "disk": "healthy 60 of 100 GB free",
    }


@pytest.mark.parametrize("overall", ["degraded", "warning"])
def test_anything_but_healthy_ends_with_1(api: FakeApi, overall: str) -> None:
    api.health = WELL | {"overall": overall}
    assert run().exit_code == 1
    as_json = run("--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["overall"]) == (1, overall)


def test_it_needs_no_key(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.health = WELL
    monkeypatch.delenv("MEDIAJOBS_API_KEY")
    assert run().exit_code == 0
    ((headers, _),) = api.requests("GET", "/health/detailed")
    assert "x-api-key" not in headers


def test_nobody_there_is_another_exit_code(api: FakeApi) -> None:
    assert run("--api-url", "http://127.0.0.1:9").exit_code == 3
