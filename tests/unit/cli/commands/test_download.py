"""`mediajobs status` and `mediajobs download`, against the API by contract, played over HTTP."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app

if TYPE_CHECKING:
    from tests.unit.cli.conftest import FakeApi

JOB_ID = "01JDP1AYED0000000000000000"
JOB = f"/restapis/a1/local/jobs/{JOB_ID}"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_everything_that_a_job_made_is_fetched_whole(api: "FakeApi", tmp_path: Path) -> None:
    result = run("download", JOB_ID, "--into", "talk")

    assert result.exit_code == 0, result.output
    fetched = {path.name: path.read_bytes() for path in (tmp_path / "talk").iterdir()}
    assert fetched == {
        "360p.mp4": api.files["360p"],
        "audio.mp3": api.files["audio"],
        "transcript.txt": api.files["transcript_txt"],
        "transcript.srt": api.files["transcript_srt"],
    }


def test_the_key_does_not_follow_the_redirect(api: "FakeApi") -> None:
    run("download", JOB_ID, "360p")

    [(to_api, _)] = api.requests("GET", "/download/360p")
    [(to_s3, _)] = api.requests("GET", "/outputs/360p")
    assert "x-api-key" in to_api
    assert "x-api-key" not in to_s3


def test_a_file_that_is_in_the_way_is_kept_unless_forced(api: "FakeApi", tmp_path: Path) -> None:
    (tmp_path / "audio.mp3").write_text("mine")

    refused = run("download", JOB_ID, "360p", "audio", "--into", ".")
    assert refused.exit_code == 2
    assert "audio.mp3" in refused.stderr
    assert (tmp_path / "audio.mp3").read_text() == "mine"
    assert not (tmp_path / "360p.mp4").exists()

    assert run("download", JOB_ID, "audio", "--into", ".", "--force").exit_code == 0
    assert (tmp_path / "audio.mp3").read_bytes() == api.files["audio"]


@pytest.mark.parametrize("into", ["mine.txt", "mine.txt/below", "talk"])
def test_what_cannot_be_the_folder_is_wrong_use(api: "FakeApi", tmp_path: Path, into: str) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "talk" / "360p.mp4").mkdir(parents=True)

    result = run("download", JOB_ID, "--into", into, "--force")

    assert result.exit_code == 2
    assert "Choose another --into" in result.stderr
    assert api.requests("GET", "/download/360p") == []


def test_a_file_of_another_size_than_announced_leaves_nothing_behind(api: "FakeApi", tmp_path: Path) -> None:
    api.files["360p"] = b"short"

    result = run("download", JOB_ID, "360p", "--into", "talk")

    assert result.exit_code == 1
    assert "360p has 5 bytes where 200 were announced." in result.stderr
    assert list((tmp_path / "talk").iterdir()) == []


def test_a_download_that_always_breaks_off_is_given_up_and_leaves_nothing(api: "FakeApi", tmp_path: Path) -> None:
    api.announced["360p"] = 5000

    result = run("download", JOB_ID, "360p", "--into", "talk")

    assert result.exit_code == 3
    assert len(api.requests("GET", "/outputs/360p")) == 3
    assert list((tmp_path / "talk").iterdir()) == []


def test_what_was_fetched_is_told_as_json(api: "FakeApi") -> None:
    result = run("download", JOB_ID, "audio", "--json")

    path = f"{JOB_ID}/audio.mp3"
    assert json.loads(result.stdout) == {
        "job_id": JOB_ID,
        "files": [{"name": "audio", "path": path, "size_bytes": 250}],
    }


def test_an_output_that_does_not_exist_is_wrong_use(api: "FakeApi") -> None:
    result = run("download", JOB_ID, "4k")

    assert result.exit_code == 2
    assert "There is no output 4k." in result.stderr
    assert api.asked == []


def test_an_unfinished_job_has_nothing_to_fetch(api: "FakeApi", states: Any) -> None:
    api.states = [states("transcoding", 40)]

    result = run("download", JOB_ID)

    assert result.exit_code == 1
    assert "no outputs yet: it is transcoding" in result.stderr


def test_status_shows_one_state_and_does_not_wait(api: "FakeApi", states: Any) -> None:
    api.states = [states("transcoding", 40, transcode_360p=("running", 60))]

    result = run("status", JOB_ID)

    assert result.exit_code == 0
    assert "transcode 360p: running" in result.stdout
    assert len(api.requests("GET", JOB)) == 1


def test_watching_asks_only_for_what_changed(api: "FakeApi", states: Any) -> None:
    api.states = [states("transcoding", 40), states("completed", 100)]

    result = run("status", JOB_ID, "--watch", "--json")

    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["transcoding", "completed"]
    assert [headers.get("if-none-match") for headers, _ in api.requests("GET", JOB)] == [None, '"2"', '"2"']


def test_watching_sits_out_an_outage(api: "FakeApi", states: Any) -> None:
    api.states = [states("transcoding", 40), states("completed", 100)]
    api.break_after_first_look = True

    result = run("status", JOB_ID, "--watch")

    assert result.exit_code == 0, result.output
    assert "completed" in result.stdout


def test_control_characters_from_elsewhere_do_not_reach_the_terminal(api: "FakeApi") -> None:
    api.files["transcript_txt"] = b"hello \x1b[31mred\x1b[0m"

    result = run("status", JOB_ID)

    assert "hello" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_proxy_of_the_environment_is_not_asked_for_the_stack_of_this_machine(
    api: "FakeApi", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")

    assert run("status", JOB_ID).exit_code == 0
