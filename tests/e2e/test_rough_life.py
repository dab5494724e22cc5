"""What goes wrong: a killed worker, bad sources, strangers, odd paths."""

import http.server
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from infra.local import Stack, up
from tests.e2e.conftest import DEMO, Api, caller
from tests.support import media_samples
from tests.support.waiting import HANG_SECONDS, until

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SPEECHLESS = {"transcription": {"enabled": False}}


def processes_of(job_id: str) -> list[int]:
    """Every process whose command line speaks of the job: tasks, and ffmpeg by the URL that it reads."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if job_id.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:  # it ended meanwhile
                continue
    return found


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["detail"]
    return document


def test_a_worker_killed_in_the_middle_loses_nothing(stack: Stack, api: Api, tmp_path: Path) -> None:
    source = media_samples.clip(tmp_path / "long.mp4", "1280x720", 20)
    job_id = api.submit(source, options=SPEECHLESS)

    until(lambda: hold_encoding(job_id), lambda: api.document(job_id))
    os.killpg(os.getpgid(stack.processes["worker"]["pid"]), signal.SIGKILL)
    until(lambda: not processes_of(job_id), "its tasks outlive the worker")

    up(0, Path(stack.home))
    seen = api.watch(job_id)
    assert seen[-1]["status"] == "completed", seen[-1]["error"]
    overall = [document["progress"]["overall_progress"] for document in seen]
    assert overall == sorted(overall)
    client = boto3.client("s3", endpoint_url=stack.endpoint_url, region_name=stack.region)
    bucket = stack.outputs["media_bucket"]
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"outputs/{job_id}/")["Contents"]
    assert sorted(entry["Key"].rpartition("/")[2] for entry in listed if "manifest" not in entry["Key"]) == [
        "360p.mp4", "720p.mp4", "audio.m4a", "audio.mp3", "thumbnail.jpg",
    ]  # fmt: skip
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket, Prefix=f"outputs/{job_id}/")


def command_of(pid: int) -> list[str]:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")
    except OSError:  # it ended meanwhile
        return [""]


def hold_encoding(job_id: str) -> list[int]:
    """Stops the job's encoders where they are, by SIGSTOP; gives those that there are."""
    encoders = [pid for pid in processes_of(job_id) if Path(command_of(pid)[0]).name.startswith("ffmpeg")]
    for pid in encoders:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    return encoders


@contextmanager
def killing(stages: dict[str, str]) -> Iterator[None]:
    """Kills each task of a job's stage long before the task has loaded its libraries. `stages` is by job and grows."""
    over = threading.Event()

    def kill_until_over() -> None:
        while not over.wait(0.01):
            for job_id, stage in list(stages.items()):
                for pid in processes_of(job_id):
                    if stage in command_of(pid):
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_until_over)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join(HANG_SECONDS)


MEDIA = {"generate_thumbnail", "transcode_360p", "transcode_720p", "extract_audio_mp3", "prepare_hls", "upload_outputs"}


def test_a_task_that_is_killed_whenever_it_begins_is_named(api: Api) -> None:
    stages = {"validate": {"validate_video", "store_source"}, "media": MEDIA, "transcribe": {"transcribe_video"}}
    killed: dict[str, str] = {}
    with killing(killed):
        for stage in stages:  # a job waits for its source, so it is known before its first task begins
            created = api.create(filename=DEMO.name, size_bytes=DEMO.stat().st_size)
            killed[created["job_id"]] = stage
            api.upload(DEMO, created)
        documents = {job_id: api.watch(job_id)[-1] for job_id in killed}
    for job_id, stage in killed.items():
        document = documents[job_id]
        error, told = document["error"], document["progress"]["tasks"]
        assert (document["status"], error["code"]) == ("failed", "task_crashed")
        assert error["failed_task"] in stages[stage]
        failed = {name: task["note"] for name, task in told.items() if task["status"] == "failed"}
        assert failed == {error["failed_task"]: error["message"]}
        if stage == "transcribe":  # media went on to its end beside it
            assert {task["progress"] for name, task in told.items() if name != "transcribe_video"} == {100.0}


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("text.mp4", b"This is not a film.\n" * 40, "not_media"),
        ("empty.mp4", b"", "empty_file"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/secret.ts\n", "playlist_refused"),
    ],
)
def test_a_source_that_is_no_film_fails_by_name(api: Api, tmp_path: Path, name: str, content: bytes, code: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    document = api.watch(api.submit(path))[-1]
    assert document["status"] == "failed"
    assert document["error"]["code"] == code
    assert document["error"]["failed_task"] == "validate_video"
    assert document["progress"]["overall_progress"] < 100
    assert document["completed_at"]


def test_a_source_is_fetched_by_its_url(api: Api, tmp_path: Path) -> None:
    media_samples.clip(tmp_path / "small.mp4", "320x180", 2)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/small.mp4"
        created = api.create(filename="small.mp4", source_url=url, options=SPEECHLESS)
        document = api.finish(created["job_id"])
        server.shutdown()
    assert document["outputs"]["720p"]["available"] is False
    assert "smaller than 720p" in document["outputs"]["720p"]["reason"]
    assert document["outputs"]["360p"]["available"] is True
    assert document["outputs"]["audio"]["available"] is True
    assert api.download(created["job_id"], "source") == (tmp_path / "small.mp4").read_bytes()
    assert "RESOLUTION=320x180" in api.ask("GET", f"/stream/{created['job_id']}/master.m3u8").text


def test_a_silent_film_has_no_transcript_and_says_why(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    media_samples.ffmpeg(*media_samples.picture("640x360", 2), *media_samples.VIDEO, path)
    document = api.finish(api.submit(path))
    assert document["outputs"]["360p"]["available"] is True
    assert document["outputs"]["transcription"]["reason"] == "source has no audio"
    assert document["outputs"]["audio"]["available"] is False
    assert document["progress"]["tasks"]["transcribe_video"]["status"] == "skipped"


def test_a_large_source_goes_up_in_parts(api: Api, tmp_path: Path) -> None:
    film = media_samples.clip(tmp_path / "film.mp4", "320x180", 2)
    path = tmp_path / "large.mp4"
    padding = 110_000_000 - film.stat().st_size
    with path.open("wb") as file:  # a box that readers skip makes it large
        file.write(film.read_bytes() + padding.to_bytes(4, "big") + b"free")
        file.truncate(110_000_000)
    created = api.create(filename="large.mp4", size_bytes=path.stat().st_size, options=SPEECHLESS)
    parts = []
    with path.open("rb") as file:
        for part in created["upload"]["parts"]:
            answer = requests.put(part["url"], data=file.read(part["size"]), timeout=HANG_SECONDS)
            parts.append({"part_number": part["part_number"], "etag": answer.headers["ETag"]})
    assert len(parts) > 1
    for _ in range(2):  # the second is a repetition and changes nothing
        answer = api.ask("POST", created["upload"]["complete_url"], json={"parts": parts})
        assert answer.status_code in (202, 409), answer.text
    assert api.finish(created["job_id"])["source"]["size_bytes"] == 110_000_000


def test_a_source_is_written_once(api: Api) -> None:
    upload = api.create(filename="a.mp4")["upload"]
    first = requests.put(upload["url"], data=b"first", headers=upload["headers"], timeout=HANG_SECONDS)
    second = requests.put(upload["url"], data=b"other", headers=upload["headers"], timeout=HANG_SECONDS)
    assert (first.status_code, second.status_code) == (200, 412)


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> Api:
    """Another account of the same stack."""
    return caller(stack, "somebody-else")


def test_tenants_never_meet(api: Api, stranger: Api) -> None:
    job_id = api.create(filename="mine.mp4")["job_id"]
    for path in ("", "/download/360p", "/download/source"):
        problem(stranger.ask("GET", f"/jobs/{job_id}{path}"), 403)
        problem(stranger.ask("GET", f"/jobs/{UNKNOWN}{path}"), 404)
        problem(requests.get(f"{api.url}/jobs/{job_id}{path}", timeout=HANG_SECONDS), 401)
    for path in ("master.m3u8", "360p/playlist.m3u8"):
        problem(stranger.ask("GET", f"/stream/{job_id}/{path}"), 403)
        problem(requests.get(f"{api.url}/stream/{job_id}/{path}", timeout=HANG_SECONDS), 401)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing/here", 404), ("DELETE", "/jobs", 405), ("POST", "/health", 405)]
)
def test_the_gateways_own_errors_are_problems_too(api: Api, method: str, path: str, status: int) -> None:
    problem(api.ask(method, path), status)


def test_bad_bodies_are_refused_with_the_reason(api: Api) -> None:
    problem(api.ask("POST", "/jobs", data=b"{", headers={"Content-Type": "application/json"}), 400)
    assert problem(api.ask("POST", "/jobs", json={"filename": "a", "priority": 99}), 422)["errors"]


def test_health_is_open(api: Api) -> None:
    answer = requests.get(f"{api.url}/health", timeout=HANG_SECONDS)
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
