"""Jobs that are cancelled, retried, reordered and deleted while they really run."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import Stack
from tests.e2e.conftest import DEMO, Api
from tests.e2e.test_rough_life import SPEECHLESS, hold_encoding, problem, processes_of
from tests.support import media_samples
from tests.support.waiting import HANG_SECONDS, until

WORDS_ONLY = {"renditions": [], "audio": False, "thumbnail": False, "storyboard": False, "hls": False}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its encoding takes seconds, even alone on a fast machine."""
    return media_samples.clip(tmp_path_factory.mktemp("film") / "film.mp4", "1280x720", 24)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes in one part of an upload. Nobody waits for its end: its job is stopped in the middle."""
    folder = tmp_path_factory.mktemp("long")
    once = media_samples.clip(folder / "once.mp4", "1280x720", 24, options=["-crf", "51"])
    media_samples.ffmpeg("-stream_loop", "24", "-i", once, "-c", "copy", folder / "film.mp4")
    return folder / "film.mp4"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour of the demo's words: its first batch of transcription alone takes seconds."""
    path = tmp_path_factory.mktemp("speech") / "speech.m4a"
    media_samples.ffmpeg("-stream_loop", "60", "-i", DEMO, "-vn", "-c:a", "copy", path)
    return path


@pytest.fixture
def bucket(stack: Stack) -> Callable[[str], list[str]]:
    """What lies in the bucket of a job, half-made uploads included."""
    client = boto3.client("s3", endpoint_url=stack.endpoint_url, region_name=stack.region)
    name = stack.outputs["media_bucket"]

    def look(job_id: str) -> list[str]:
        found = []
        for prefix in (f"sources/{job_id}/", f"outputs/{job_id}/"):
            stored = client.list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])
            begun = client.list_multipart_uploads(Bucket=name, Prefix=prefix).get("Uploads", [])
            found += [item["Key"] for item in stored] + [f"half-made {item['Key']}" for item in begun]
        return sorted(found)

    return look


def running(task: str) -> Callable[[dict[str, Any]], bool]:
    def reached(document: dict[str, Any]) -> bool:
        assert document["status"] not in ("failed", "completed"), document
        return bool(document["progress"]["tasks"][task]["status"] == "running")

    return reached


def until_it_stops(job_id: str) -> None:
    until(lambda: not processes_of(job_id), "it never stops")


def modified(stack: Stack, key: str) -> datetime:
    client = boto3.client("s3", endpoint_url=stack.endpoint_url, region_name=stack.region)
    return client.head_object(Bucket=stack.outputs["media_bucket"], Key=key)["LastModified"]


def holding_slots(stack: Stack) -> str:
    """The ids of the jobs that hold a slot, as text."""
    code = "from mediajobs.jobs import concurrency_store; print(*concurrency_store.running())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    return done.stdout


def cancel(api: Api, job_id: str) -> dict[str, Any]:
    answer = api.ask("POST", f"/jobs/{job_id}/cancel")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize(
    ("source", "options", "task"),
    [("long_film", SPEECHLESS, "transcode_720p"), ("speech", WORDS_ONLY, "transcribe_video")],
    ids=["media", "transcription"],
)
def test_a_cancelled_job_ends_and_leaves_nothing_behind(
    stack: Stack,
    api: Api,
    bucket: Callable[[str], list[str]],
    request: pytest.FixtureRequest,
    source: str,
    options: dict[str, Any],
    task: str,
) -> None:
    job_id = api.submit(request.getfixturevalue(source), options=options)
    api.watch(job_id, until=running(task))
    assert processes_of(job_id)
    cancelled = cancel(api, job_id)
    until_it_stops(job_id)
    assert cancel(api, job_id) == cancelled == {
        "job_id": job_id, "status": "cancelled", "message": "Job cancellation requested",
    }  # fmt: skip
    left = bucket(job_id)
    assert left == [f"outputs/{job_id}/manifests/validate.json", f"sources/{job_id}/source"]
    until(lambda: job_id not in holding_slots(stack), "it keeps its slot")
    assert bucket(job_id) == left, "something came late"
    assert processes_of(job_id) == []
    assert api.document(job_id)["status"] == "cancelled"


def test_a_retry_does_not_do_again_what_is_done(
    stack: Stack, api: Api, film: Path, bucket: Callable[[str], list[str]]
) -> None:
    job_id = api.submit(film)

    until(lambda: hold_encoding(job_id), lambda: api.document(job_id))
    api.watch(job_id, until=lambda document: document["progress"]["tasks"]["transcribe_video"]["status"] == "completed")
    cancel(api, job_id)
    until_it_stops(job_id)
    made = f"outputs/{job_id}/transcript.json"
    assert made in bucket(job_id)
    before = modified(stack, made)
    answer = api.ask("POST", f"/jobs/{job_id}/retry")
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"job_id": job_id, "status": "queued", "attempt": 2}
    problem(api.ask("POST", f"/jobs/{job_id}/retry", json={"from": "start"}), 409)
    seen = api.watch(job_id)
    assert seen[-1]["status"] == "completed", seen[-1]["error"]
    overall = [document["progress"]["overall_progress"] for document in seen]
    assert overall == sorted(overall)
    assert overall[0] >= 25, "what is done counts from the start"
    assert [(attempt["attempt"], attempt["status"]) for attempt in seen[-1]["earlier_attempts"]] == [(1, "cancelled")]
    assert modified(stack, made) == before, "it was transcribed again"
    assert {key.rpartition("/")[2] for key in bucket(job_id)} >= {"720p.mp4", "transcript.txt", "manifest.json"}


def test_a_deleted_job_is_gone_for_good_also_while_it_runs(
    api: Api, long_film: Path, bucket: Callable[[str], list[str]]
) -> None:
    job_id = api.submit(long_film, options=SPEECHLESS)
    api.watch(job_id, until=running("transcode_720p"))
    answer = api.ask("DELETE", f"/jobs/{job_id}", params={"delete_files": "true"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"job_id": job_id, "deleted": True, "files_deleted": 2}
    until_it_stops(job_id)
    assert bucket(job_id) == []
    for method, path in [
        ("GET", ""), ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", ""), ("GET", "/download/source"),
    ]:  # fmt: skip
        problem(api.ask(method, f"/jobs/{job_id}{path}"), 404)
    problem(api.ask("PATCH", f"/jobs/{job_id}/priority", json={"priority": 1}), 404)
    answer = api.ask("POST", "/jobs/batch-status", json={"job_ids": [job_id]})
    assert answer.json() == {"jobs": [{"job_id": job_id, "error": "not_found"}]}


def test_a_cancelled_upload_ends_its_job(api: Api, bucket: Callable[[str], list[str]]) -> None:
    job_id = api.create(filename="large.mp4", size_bytes=200_000_000)["job_id"]
    assert bucket(job_id) == [f"half-made sources/{job_id}/source"]
    cancel(api, job_id)
    assert bucket(job_id) == []
    assert "never uploaded" in problem(api.ask("POST", f"/jobs/{job_id}/retry"), 409)["detail"]
