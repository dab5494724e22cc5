"""`mediajobs submit`, against the API by contract, played over HTTP."""

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app

if TYPE_CHECKING:
    from tests.unit.cli.conftest import FakeApi

JOB_ID = "01JDP1AYED0000000000000000"
SOURCE = f"/bucket/sources/{JOB_ID}/source"


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_bytes(bytes(range(250)) * 4)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_file_is_uploaded_with_the_presigned_headers_and_without_the_key(api: "FakeApi", talk: Path) -> None:
    result = run("submit", talk)

    assert result.exit_code == 0, result.output
    assert f"mediajobs watch {JOB_ID}" in result.stdout
    assert api.stored[SOURCE] == talk.read_bytes()
    [(headers, _)] = api.requests("PUT", "/source")
    assert headers["content-type"] == "video/mp4"
    assert "x-api-key" not in headers
    assert "authorization" not in headers


def test_only_what_the_caller_asked_for_is_sent_as_options(api: "FakeApi", talk: Path) -> None:
    run("submit", talk, "--rendition", "360p", "--no-hls", "--language", "en", "--priority", "9", "--batch", "talks")

    [(headers, body)] = api.requests("POST", "/jobs")
    assert json.loads(body) == {
        "filename": "talk.mp4",
        "size_bytes": 1000,
        "content_type": "video/mp4",
        "priority": 9,
        "batch_id": "talks",
        "options": {"renditions": ["360p"], "hls": False, "transcription": {"language": "en"}},
    }
    assert headers["idempotency-key"]


def test_quality_and_storyboard_are_options(api: "FakeApi", talk: Path) -> None:
    run("submit", talk, "--quality", "small", "--no-storyboard", "--rendition", "240p", "--rendition", "2160p")

    [(_, body)] = api.requests("POST", "/jobs")
    assert json.loads(body)["options"] == {"renditions": ["240p", "2160p"], "quality": "small", "storyboard": False}


def test_an_unknown_quality_is_wrong_use(api: "FakeApi", talk: Path) -> None:
    result = run("submit", talk, "--quality", "best")

    assert result.exit_code == 2
    assert "'best' is not one of" in " ".join(result.stderr.split())


def test_the_warnings_of_a_completed_job_are_shown(api: "FakeApi", talk: Path, states: Any) -> None:
    warning = {"code": "gap_filled", "message": "2.0 s without sound were filled with silence."}
    api.states = [states("completed", 100, warnings=[warning])]

    result = run("submit", talk, "--watch")

    assert result.exit_code == 0, result.output
    assert "warning gap_filled: 2.0 s without sound were filled with silence." in result.stdout


def test_what_can_be_played_is_shown(api: "FakeApi", talk: Path, states: Any) -> None:
    done = states("completed", 100)
    playable = {"available": True}
    done["outputs"]["hls"] |= {"720p": playable, "audio": playable, "captions": [{"language": "en", "name": "English"}]}
    done["outputs"]["storyboard"] = {"available": True, "size_bytes": 4321}
    api.states = [done]

    result = run("submit", talk, "--watch")

    assert "360p, 720p, audio and captions (en)" in result.stdout
    assert "4.3 kB" in result.stdout


def test_an_address_is_submitted_without_an_upload(api: "FakeApi") -> None:
    result = run("submit", "https://example.org/films/my%20talk.mp4?x=1")

    assert result.exit_code == 0, result.output
    [(_, body)] = api.requests("POST", "/jobs")
    assert json.loads(body) == {
        "filename": "my talk.mp4",
        "source_url": "https://example.org/films/my%20talk.mp4?x=1",
    }


def test_a_failed_creation_is_tried_again_under_the_same_idempotency_key(api: "FakeApi", talk: Path) -> None:
    api.failures["/restapis/a1/local/jobs"] = [503, 409, 429]  # 409: the first try is still being answered

    assert run("submit", talk).exit_code == 0
    assert len({headers["idempotency-key"] for headers, _ in api.requests("POST", "/jobs")}) == 1
    assert len(api.requests("POST", "/jobs")) == 4


def test_a_long_wait_is_told_with_its_reason_and_a_short_one_is_not(
    api: "FakeApi", talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("infra.cli.api.client.time.sleep", waited.append)
    api.failures["/restapis/a1/local/jobs"] = [429]
    assert run("submit", talk).stderr == ""

    api.failures["/restapis/a1/local/jobs"], api.retry_after = [429], "42"
    result = run("submit", talk, "--json")

    assert result.exit_code == 0
    assert result.stderr == "Not now (429): Try later. Waiting, and going on in 42 s.\n"
    assert "429" not in result.stdout
    assert waited == [0, 42]


def test_the_parts_of_a_large_file_arrive_in_order_though_one_fails_at_first(api: "FakeApi", talk: Path) -> None:
    api.part_size = 300
    api.failures[f"{SOURCE}/2"] = [500]

    result = run("submit", talk)

    assert result.exit_code == 0, result.output
    assert b"".join(api.stored[f"{SOURCE}/{number}"] for number in (1, 2, 3, 4)) == talk.read_bytes()
    assert len(api.requests("PUT", "/2")) == 2
    [(_, body)] = api.requests("POST", "/upload/complete")
    etags = [(1, '"300"'), (2, '"300"'), (3, '"300"'), (4, '"100"')]
    assert json.loads(body) == {"parts": [{"part_number": number, "etag": etag} for number, etag in etags]}


def test_a_refused_upload_cancels_its_job(api: "FakeApi", talk: Path) -> None:
    api.failures[SOURCE] = [403]

    result = run("submit", talk)

    assert result.exit_code == 1
    assert "Not now (403): Try later." in result.stderr
    assert len(api.requests("POST", "/cancel")) == 1


def test_a_job_is_watched_to_its_end_and_what_was_made_is_shown(api: "FakeApi", talk: Path, states: Any) -> None:
    api.states = [
        states("queued", 0),
        states("transcoding", 40, validate_video=("completed", 100), transcode_360p=("running", 60)),
        states("completed", 100, validate_video=("completed", 100), transcode_360p=("completed", 100)),
    ]

    result = run("submit", talk, "--watch")

    assert result.exit_code == 0, result.output
    assert f"job {JOB_ID}" in result.stdout.splitlines()[0]
    for line in ("0 %  queued", "40 %  transcode 360p: running", "100 %  transcode 360p: completed"):
        assert line in result.stdout
    assert "200 bytes" in result.stdout
    assert "5.0 : 1" in result.stdout
    assert "source is smaller than 720p" in result.stdout
    assert "ask not what your country can do for you" in result.stdout


def test_a_failed_job_gives_its_code_message_and_task_and_exit_code_1(
    api: "FakeApi", talk: Path, failed_job: dict[str, Any]
) -> None:
    api.states = [failed_job]

    result = run("submit", talk, "--watch")

    assert result.exit_code == 1
    assert f"Job {JOB_ID} failed in validate video [no_media]: The file holds no video." in result.stderr


def test_ctrl_c_in_the_upload_cancels_the_job_that_nobody_could_finish(
    api: "FakeApi", talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.cli.job_workflow.upload", lambda *_: signal.raise_signal(signal.SIGINT))

    result = run("submit", talk)

    assert result.exit_code == 130
    assert "its job cancelled" in result.stderr
    assert len(api.requests("POST", "/cancel")) == 1


def test_ctrl_c_while_watching_leaves_the_job_alone_and_says_how_to_go_on(
    api: "FakeApi", talk: Path, states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.states = [states("transcoding", 40)]
    monkeypatch.setattr("infra.cli.api.job_watch.time.sleep", lambda _: signal.raise_signal(signal.SIGINT))

    result = run("submit", talk, "--watch")

    assert result.exit_code == 130
    assert f"mediajobs watch {JOB_ID}" in result.stderr
    assert "error" not in result.stderr
    assert api.requests("POST", "/cancel") == []


def test_json_is_all_that_stands_on_stdout(api: "FakeApi", talk: Path, states: Any) -> None:
    api.states = [states("queued", 0), states("completed", 100)]

    result = run("submit", talk, "--watch", "--json")

    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document["status"] for document in documents] == ["pending", "queued", "completed"]
    assert "Signature" not in result.stdout


def test_a_validation_problem_is_shown_with_its_fields(api: "FakeApi", tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no film")

    result = run("submit", "notes.txt")

    assert result.exit_code == 1
    assert "Validation failed (422): The request is not valid." in result.stderr
    assert "body.filename: not a video" in result.stderr
    assert result.stderr.count("The request is not valid") == 1
    assert result.stdout == ""


def test_a_wrong_key_is_named_as_such(api: "FakeApi", talk: Path) -> None:
    result = run("submit", talk, "--api-key", "mj_wrong")

    assert result.exit_code == 1
    assert "Unauthorized (401): This key is not known." in result.stderr
    assert "MEDIAJOBS_API_KEY" in result.stderr


def test_an_api_that_does_not_answer_gives_exit_code_3(api: "FakeApi", talk: Path) -> None:
    result = run("submit", talk, "--api-url", "http://127.0.0.1:9/v1")

    assert result.exit_code == 3
    assert "http://127.0.0.1:9 cannot be reached: the connection is refused." in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.mp4", None, "There is no file no.mp4."),
        ("", None, "There is no file ''."),
        ("empty.mp4", b"", "is empty"),
        (".", None, ". is not a file."),
        ("/dev/null", None, "/dev/null is not a file."),
    ],
)
def test_a_missing_or_empty_file_is_wrong_use(
    api: "FakeApi", tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    result = run("submit", name)

    assert result.exit_code == 2
    assert message in result.stderr
    assert api.asked == []


def test_without_a_stack_one_line_names_the_cure(api: "FakeApi", talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIAJOBS_API_URL")

    result = run("submit", talk)

    assert result.exit_code == 2
    assert "mediajobs up" in result.stderr


def test_a_stack_that_is_gone_is_told_with_its_cure(
    api: "FakeApi", talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    gone = {"api_url": "http://127.0.0.1:9/v1", "api_key": "mj_played_key"}
    (tmp_path / "home" / "stack.json").write_text(json.dumps(gone))
    elsewhere = run("submit", talk, "--api-url", gone["api_url"])
    monkeypatch.delenv("MEDIAJOBS_API_URL")
    for command in (("submit", talk), ("health",)):
        result = run(*command)
        assert result.exit_code == 3
        assert "Start one with `mediajobs up`." in result.stderr
    assert elsewhere.exit_code == 3
    assert "mediajobs up" not in elsewhere.stderr


def test_the_key_of_the_running_stack_is_used_and_goes_nowhere_else(
    api: "FakeApi", talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "stack.json").write_text(json.dumps({"api_url": api.url, "api_key": "mj_played_key"}))
    monkeypatch.delenv("MEDIAJOBS_API_KEY")

    elsewhere = run("submit", talk)
    assert elsewhere.exit_code == 2
    assert "There is no key for" in elsewhere.stderr

    monkeypatch.delenv("MEDIAJOBS_API_URL")
    assert run("submit", talk).exit_code == 0
