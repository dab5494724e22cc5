"""A media task that is stopped, stalled or killed: ffmpeg is gone, and nothing half-made is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mediajobs.errors import JobError, Stopped
from mediajobs.storage import streaming_upload_client
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import ffprobe, limits, media, process_runner
from statemachine.tasks.context import TaskContext
from tests.support import media_samples, task_context

FENCE = process_runner.ProcessLimits(cpu_seconds=60, memory_bytes=8 << 30)


@pytest.fixture(scope="module")
def twelve_seconds(bucket: MediaBucket, tmp_path_factory: pytest.TempPathFactory) -> TaskContext:
    source = tmp_path_factory.mktemp("slow") / "clip.mp4"
    return task_context.validated(task_context.job(bucket, media_samples.clip(source, "640x360", 12, "10")))


@pytest.fixture
def slow(twelve_seconds: TaskContext, monkeypatch: pytest.MonkeyPatch) -> TaskContext:
    """A validated job whose transcode takes two seconds even on a fast machine."""
    monkeypatch.setitem(ffprobe.DECODE_OPTIONS, "readrate", 6)
    return twelve_seconds


def children(name: str) -> list[int]:
    """The processes of this name that this one has started."""
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-x", name], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def in_the_middle(then: Callable[[], bool]) -> Callable[[dict[str, float]], bool]:
    return lambda percent: percent.get("transcode_360p", 0) > 60 and then()


def run_with(context: TaskContext, stop: Callable[[dict[str, float]], bool]) -> task_context.Recorder:
    recorder = task_context.Recorder(stop=stop)
    media.run(replace(context, reporter=recorder))
    return recorder


def test_a_cancelled_job_leaves_no_process_and_no_object(slow: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming_upload_client, "PART_BYTES", 16 << 10)  # so that parts are up by then
    seen: list[str] = []

    def look() -> bool:
        seen.extend([*map(str, children("ffmpeg")), *task_context.keys(slow)])
        return True

    with pytest.raises(Stopped):
        run_with(slow, in_the_middle(look))
    assert seen[0].isdigit()
    assert any(key.startswith("half-made") for key in seen)
    assert children("ffmpeg") == []
    assert task_context.keys(slow) == []


def test_a_job_cancelled_while_it_is_published_leaves_no_object(bucket: MediaBucket, small: Path) -> None:
    context = task_context.validated(task_context.job(bucket, small))
    with pytest.raises(Stopped):
        run_with(context, lambda percent: 0 < percent.get("upload_outputs", 0) < 100)
    assert task_context.keys(context) == []


def test_a_killed_ffmpeg_is_named_and_worth_a_retry(slow: TaskContext) -> None:
    def kill() -> bool:
        for process in children("ffmpeg"):
            os.kill(process, signal.SIGKILL)
        return False

    with pytest.raises(JobError) as caught:
        run_with(slow, in_the_middle(kill))
    assert (caught.value.code, caught.value.retryable) == ("ffmpeg_killed", True)
    assert caught.value.task == "transcode_360p"
    assert task_context.keys(slow) == []


def test_a_stalled_ffmpeg_is_named_and_killed(slow: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STALL_SECONDS", 4)  # a busy machine may take a second for the first byte
    stopped: list[int] = []

    def freeze() -> bool:
        stopped.extend(children("ffmpeg"))
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        return False

    with pytest.raises(JobError) as caught:
        run_with(slow, in_the_middle(freeze))
    assert (caught.value.code, caught.value.retryable) == ("stalled", True)
    assert stopped
    assert children("ffmpeg") == []


def test_a_storage_that_fails_ends_ffmpeg_and_is_told(slow: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError("no storage")

    monkeypatch.setattr(streaming_upload_client.StreamingUpload, "write", fail)
    with pytest.raises(ConnectionError):
        run_with(slow, lambda _: False)
    assert children("ffmpeg") == []
    assert task_context.keys(slow) == []


def test_a_source_that_vanishes_is_named_and_worth_a_retry(bucket: MediaBucket, small: Path) -> None:
    context = task_context.validated(task_context.job(bucket, small))
    bucket.delete(f"sources/{context.job_id}/source")
    with pytest.raises(JobError) as caught:
        run_with(context, lambda _: False)
    assert (caught.value.code, caught.value.retryable) == ("source_unavailable", True)
    assert "http" not in caught.value.message


def test_a_source_that_ends_too_early_is_named_and_leaves_nothing(bucket: MediaBucket, small: Path) -> None:
    context = task_context.validated(task_context.job(bucket, small))
    assert context.source is not None
    longer = replace(context, source=context.source.model_copy(update={"duration_seconds": 20.0}))
    with pytest.raises(JobError) as caught:
        run_with(longer, lambda _: False)
    assert (caught.value.code, caught.value.retryable) == ("incomplete_output", True)
    assert task_context.keys(context) == []


def test_uploads_of_a_task_that_was_killed_are_forgotten_by_the_next_run(bucket: MediaBucket, tmp_path: Path) -> None:
    context = task_context.validated(task_context.job(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 1)))
    bucket.client.create_multipart_upload(Bucket=bucket.name, Key=f"outputs/{context.job_id}/360p.mp4")
    run_with(context, lambda _: False)
    assert [key for key in task_context.keys(context) if key.startswith("half-made")] == []


def test_outputs_that_are_not_whole_any_more_are_made_again(bucket: MediaBucket, small: Path) -> None:
    context = task_context.validated(task_context.job(bucket, small))
    run_with(context, lambda _: False)
    bucket.delete(f"outputs/{context.job_id}/audio.mp3")
    run_with(context, lambda _: False)
    assert f"outputs/{context.job_id}/audio.mp3" in task_context.keys(context)


def test_a_killed_task_takes_its_ffmpeg_along() -> None:
    code = "from statemachine.tasks import process_runner as r; r.run(lambda _: ['sleep', '987.25'], {}, "
    code += "limits=r.ProcessLimits(60, 8 << 30), stall_seconds=60)"
    task = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers()
    task.kill()
    task.wait(10)
    while sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not sleepers()


def sleepers() -> str:
    return subprocess.run(["pgrep", "-f", "^sleep 987.25"], capture_output=True, text=True, check=False).stdout


def test_a_child_sees_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen = bytearray()
    process_runner.run(lambda _: ["env"], {process_runner.STDOUT: seen.extend}, limits=FENCE, stall_seconds=10)
    names = {line.partition("=")[0] for line in seen.decode().splitlines()}
    assert names <= {"PATH", "LANG", "PWD", "SHLVL", "_"}


def test_a_child_has_limits() -> None:
    seen = bytearray()
    fence = process_runner.ProcessLimits(cpu_seconds=7, memory_bytes=1 << 30, file_bytes=4096)
    command = ["sh", "-c", "ulimit -t; ulimit -v; ulimit -f; ulimit -c"]
    process_runner.run(lambda _: command, {process_runner.STDOUT: seen.extend}, limits=fence, stall_seconds=10)
    assert seen.decode().split() == ["7", str(1 << 20), "8", "0"]
