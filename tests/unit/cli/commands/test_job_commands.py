"""`mediajobs cancel`, `retry`, `priority` and `delete`: what they ask for, and what they say."""

import json
import os
import pty
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from infra.paths import ROOT
from tests.unit.cli.conftest import JOB_ID, FakeApi

runner = CliRunner()


def run(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


def test_a_job_is_cancelled(api: FakeApi) -> None:
    result = run("cancel", JOB_ID)
    assert (result.exit_code, result.stdout) == (0, f"Job {JOB_ID} is cancelled.\n"), result.output
    assert len(api.requests("POST", f"/jobs/{JOB_ID}/cancel")) == 1


def test_a_retry_says_which_attempt_it_is_and_may_begin_anew(api: FakeApi) -> None:
    assert "attempt 2" in run("retry", JOB_ID).stdout
    assert run("retry", JOB_ID, "--from-start", "--json").exit_code == 0
    asked = [json.loads(body) for _, body in api.requests("POST", "/retry")]
    assert asked == [{"from": "failed_task"}, {"from": "start"}]


def test_a_retry_can_be_watched_to_its_end(api: FakeApi) -> None:
    result = run("retry", JOB_ID, "--watch", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["status"] == "completed"


def test_many_are_retried_and_their_counts_told(api: FakeApi) -> None:
    result = run("retry", "--all", "--status", "failed", "--batch", "b1", "--from-start")
    assert result.exit_code == 0, result.output
    assert "2 of 3 jobs" in result.stdout
    assert "1 refused: attempts_used" in result.stdout
    assert "follow by themselves" in result.stdout
    ((_, body),) = api.requests("POST", "/jobs/retry")
    assert json.loads(body) == {"filter": {"status": ["failed"], "batch_id": "b1"}, "from": "start"}


@pytest.mark.parametrize(
    "arguments", [[], [JOB_ID, "--all"], [JOB_ID, "--status", "failed"], ["--batch", "b1"], ["--all", "--watch"]]
)
def test_a_retry_is_of_one_or_of_all(api: FakeApi, arguments: list[str]) -> None:
    result = run("retry", *arguments)
    assert result.exit_code == 2
    assert "--all" in result.stderr
    assert api.asked == []


def test_a_priority_is_changed_within_its_bounds(api: FakeApi) -> None:
    assert run("priority", JOB_ID, "9").stdout == "It waits.\n"
    ((_, body),) = api.requests("PATCH", f"/jobs/{JOB_ID}/priority")
    assert json.loads(body) == {"priority": 9}
    assert run("priority", JOB_ID, "11").exit_code == 2


def test_a_job_is_deleted_with_or_without_its_files(api: FakeApi) -> None:
    assert "3 files" in run("delete", JOB_ID, "--yes").stdout
    assert run("delete", JOB_ID, "--yes", "--keep-files").exit_code == 0
    assert len(api.requests("DELETE", f"/jobs/{JOB_ID}")) == 2
    assert api.queries == ["delete_files=true", "delete_files=false"]


def test_nothing_is_deleted_where_nobody_can_be_asked(api: FakeApi) -> None:
    result = run("delete", JOB_ID)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert api.asked == []


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 1), (b"\x03", 130), (b"\x04", 130)])
def test_at_a_terminal_one_is_asked(api: FakeApi, answer: bytes, code: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from infra.cli.main import app; app()", "delete", JOB_ID]
    with subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT
    ) as process:
        os.close(theirs)
        told = b""
        while b"[y/N]" not in told:
            told += os.read(ours, 1000)
        os.write(ours, answer)
        told += b"".join(iter(lambda: _rest(ours), b""))
    os.close(ours)
    assert process.returncode == code, told
    assert len(api.requests("DELETE", JOB_ID)) == (code == 0)
    assert (b"Nothing was deleted." in told) is (code != 0)
    assert (b"error:" in told) is (code == 1)


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # how a terminal ends
        return b""


def test_what_the_api_refuses_is_said(api: FakeApi) -> None:
    api.failures[f"/restapis/a1/local/jobs/{JOB_ID}/cancel"] = [400]
    result = run("cancel", JOB_ID)
    assert result.exit_code == 1
    assert "400" in result.stderr
