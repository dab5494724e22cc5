"""`mediajobs demo` with a played stack: what it says, what it checks, and that the stack always comes down."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app

if TYPE_CHECKING:
    from tests.unit.cli.conftest import FakeApi

JOB_ID = "01JDP1AYED0000000000000000"


class FakeStack(NamedTuple):
    api_url: str
    api_key: str = "mj_played_key"
    endpoint_url: str = "http://127.0.0.1"


@pytest.fixture
def stack(api: "FakeApi", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened to the stack, in order. The shipped speech is a file of ours."""
    happened: list[str] = []

    def bring_up(*_: Any) -> FakeStack:
        happened.append("up")
        return FakeStack(api.url)

    monkeypatch.setattr("infra.cli.commands.demo.start_stack", bring_up)
    monkeypatch.setattr("infra.cli.commands.demo.stop_stack", lambda _: happened.append("down"))
    monkeypatch.setattr("infra.cli.commands.demo.download_model", lambda name, **_: happened.append(f"model {name}"))
    speech, said = tmp_path / "speech.mp4", tmp_path / "speech.transcript.txt"
    speech.write_bytes(b"film")
    said.write_text("Ask not what your country can do for you.")
    monkeypatch.setattr("infra.cli.commands.demo.SPEECH", speech)
    monkeypatch.setattr("infra.cli.commands.demo.EXPECTED_TRANSCRIPT", said)
    return happened


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["demo", *arguments])


def test_the_demo_shows_and_keeps_what_was_made_and_stops_its_stack(stack: list[str], tmp_path: Path) -> None:
    result = run()

    assert result.exit_code == 0, result.output
    assert stack == ["down", "model base", "up", "down"]
    folder = tmp_path / "home" / "demo" / "output" / JOB_ID
    assert sorted(path.name for path in folder.iterdir()) == [
        "360p.mp4", "audio.mp3", "transcript.srt", "transcript.txt"
    ]  # fmt: skip
    assert f"4 files in home/demo/output/{JOB_ID}/" in result.stdout
    assert "HLS plays: 1 rendition, 2 segments" in result.stdout
    assert "“ask not what your country can do for you”" in result.stdout
    assert "Word error rate: 0.0%" in result.stdout


def test_a_transcript_that_is_5_percent_off_fails_the_demo(stack: list[str], api: "FakeApi") -> None:
    api.files["transcript_txt"] = b"ask not what your county can do for you"

    result = run()

    assert result.exit_code == 1
    assert "11.1% of its words are wrong" in result.stderr


def test_a_film_of_ones_own_is_not_compared_with_the_speech(stack: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.mp4").write_bytes(b"film")

    result = run("own.mp4")

    assert result.exit_code == 0, result.output
    assert "Word error rate" not in result.stdout


def test_a_failed_job_fails_the_demo_which_says_where_the_logs_are(
    stack: list[str], api: "FakeApi", failed_job: dict[str, Any]
) -> None:
    api.states = [failed_job]

    result = run()

    assert result.exit_code == 1
    assert stack[-1] == "down"
    assert "Logs: home/demo/logs" in result.stdout
    assert "The file holds no video." in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_brings_the_stack_down_before_the_demo_ends(
    stack: list[str], api: "FakeApi", number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.cli.commands.demo.watch_job", _killed_by(number))
    before = signal.getsignal(signal.SIGTERM)

    result = run()

    assert result.exit_code == 130
    assert "The demo was stopped." in result.stderr
    assert stack[-1] == "down"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_missing_film_starts_nothing(stack: list[str]) -> None:
    assert run("no.mp4").exit_code == 2
    assert stack == []


def _killed_by(number: int) -> Callable[..., None]:
    return lambda *_, **__: os.kill(os.getpid(), number)
