"""A media task that is stopped, stalled or killed: ffmpeg is gone, and nothing half-made is left."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import IncompleteReadError

from mediajobs.errors import JobError, Stopped
from mediajobs.storage import streaming_upload_client
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import limits, media, process_runner
from statemachine.tasks.context import TaskContext
from statemachine.tasks.process_runner import Child
from statemachine.tasks.sandbox import ProcessLimits, Sandbox
from tests.support import media_samples, task_context
from tests.support.waiting import HANG_SECONDS

LIMITS = ProcessLimits(cpu_seconds=60, memory_bytes=8 << 30)
FENCE = Sandbox(LIMITS)
WAIT = "read line <&{}"  # a shell that waits for a pipe into which nobody writes


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 frames, many more than the codecs hold back. Its index comes first: ffmpeg reads it from front to back."""
    path = tmp_path_factory.mktemp("held") / "clip.mp4"
    return media_samples.clip(path, "640x360", 24, "10", ["-movflags", "faststart"])


class Held:
    """The body of an S3 answer that stops after `size` bytes of the object, until `ended` is set."""

    def __init__(self, content: bytes, offset: int, size: int, ended: threading.Event) -> None:
        self._content, self._position, self._size, self._ended = content, offset, size, ended

    def read(self, size: int) -> bytes:
        left = self._size - self._position
        if left <= 0:
            self._ended.wait(HANG_SECONDS)
            raise IncompleteReadError(actual_bytes=0, expected_bytes=size)
        data = self._content[self._position : self._position + min(size, left)]
        self._position += len(data)
        return data

    def close(self) -> None: ...


@pytest.fixture
def half_sent(bucket: MediaBucket, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskContext]:
    """A validated job whose transcode has made something but cannot end: the rest of its source never comes."""
    context = task_context.validated(task_context.job(bucket, clip))
    content, ended = clip.read_bytes(), threading.Event()
    size = len(content) * 9 // 10
    monkeypatch.setattr(MediaBucket, "open_at", lambda _, __, offset, **___: Held(content, offset, size, ended))
    yield context
    ended.set()


def children(name: str) -> list[int]:
    """The processes of this name that this one has started."""
    return [child.pid for child in psutil.Process().children() if child.name().startswith(name)]


def in_the_middle(then: Callable[[], bool]) -> Callable[[dict[str, float]], bool]:
    """Calls `then` as soon as ffmpeg has made a first segment."""
    return lambda percent: percent.get("prepare_hls", 0) > 0 and then()


def run_with(context: TaskContext, stop: Callable[[dict[str, float]], bool]) -> task_context.Recorder:
    recorder = task_context.Recorder(stop=stop)
    media.run(replace(context, reporter=recorder))
    return recorder


def test_a_cancelled_job_leaves_no_process_and_no_object(
    half_sent: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming_upload_client, "PART_BYTES", 16 << 10)  # so that parts are up by then
    seen: list[str] = []

    def cancel_once_a_part_is_stored() -> bool:
        seen[:] = [*map(str, children("ffmpeg")), *task_context.keys(half_sent)]
        return any(key.startswith("half-made") for key in seen)

    with pytest.raises(Stopped):
        run_with(half_sent, in_the_middle(cancel_once_a_part_is_stored))
    assert seen[0].isdigit()
    assert children("ffmpeg") == []
    assert task_context.keys(half_sent) == []


def test_children_that_go_on_without_an_end_are_ended(half_sent: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a source has taken over would hold its place for a day, with a sign of life now and then."""
    monkeypatch.setattr(limits, "media_seconds", lambda _: 1.0)
    with pytest.raises(JobError) as caught:
        run_with(half_sent, lambda _: False)
    assert caught.value.code == "too_slow"
    assert children("ffmpeg") == []


def test_a_job_cancelled_while_it_is_published_leaves_no_object(bucket: MediaBucket, small: Path) -> None:
    context = task_context.validated(task_context.job(bucket, small))
    with pytest.raises(Stopped):
        run_with(context, lambda percent: 0 < percent.get("upload_outputs", 0) < 100)
    assert task_context.keys(context) == []


def test_a_killed_ffmpeg_is_named_and_worth_a_retry(half_sent: TaskContext) -> None:
    def kill() -> bool:
        for process in children("ffmpeg"):
            os.kill(process, signal.SIGKILL)
        return False

    with pytest.raises(JobError) as caught:
        run_with(half_sent, in_the_middle(kill))
    assert (caught.value.code, caught.value.retryable) == ("ffmpeg_killed", True)
    assert caught.value.task == "transcode_360p"
    assert task_context.keys(half_sent) == []


def test_an_ffmpeg_that_makes_nothing_any_more_is_named_and_killed(
    half_sent: TaskContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STALL_SECONDS", 1)
    with pytest.raises(JobError) as caught:
        run_with(half_sent, lambda _: False)
    assert (caught.value.code, caught.value.retryable) == ("stalled", True)
    assert children("ffmpeg") == []


def waiting_shell() -> Child:
    return Child(
        "bash", lambda ends: ["bash", "-c", WAIT.format(ends["never"])], FENCE, writes=("out",), reads=("never",)
    )


def nothing() -> Child:
    """Holds the writing end of the pipe `never`."""
    return Child(
        "bash", lambda ends: ["bash", "-c", WAIT.format(ends["out"])], FENCE, writes=("never",), reads=("out",)
    )


def test_a_child_that_is_frozen_is_killed_too() -> None:
    def freeze() -> None:
        for process in children("bash"):
            os.kill(process, signal.SIGSTOP)

    with pytest.raises(JobError) as caught:
        process_runner.run([waiting_shell(), nothing()], {}, tick=freeze, stall_seconds=1)
    assert caught.value.code == "stalled"
    assert children("bash") == []


def test_a_storage_that_fails_ends_ffmpeg_and_is_told(half_sent: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError("no storage")

    monkeypatch.setattr(streaming_upload_client.StreamingUpload, "write", fail)
    with pytest.raises(ConnectionError):
        run_with(half_sent, lambda _: False)
    assert children("ffmpeg") == []
    assert task_context.keys(half_sent) == []


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
    assert context.source.video is not None
    video = context.source.video.model_copy(update={"end": 20.0})
    longer = replace(context, source=context.source.model_copy(update={"duration_seconds": 20.0, "video": video}))
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


def test_a_child_that_goes_on_for_too_long_is_named_and_killed() -> None:
    with pytest.raises(JobError) as caught:
        process_runner.run([waiting_shell(), nothing()], {}, deadline_seconds=0.5)
    assert (caught.value.code, caught.value.retryable) == ("too_slow", True)
    assert children("bash") == []


def test_a_killed_task_takes_its_ffmpeg_along() -> None:
    code = (
        "import sys\n"
        "from statemachine.tasks.process_runner import Child, run\n"
        "from statemachine.tasks.sandbox import ProcessLimits, Sandbox\n"
        "script = 'echo running >&{}; while :; do :; done'\n"
        "build = lambda ends: ['bash', '-c', script.format(ends['out'])]\n"
        "child = Child('bash', build, Sandbox(ProcessLimits(60, 8 << 30)), writes=('out',))\n"
        "run([child], {'out': lambda data: print(data.decode(), end='', flush=True)}, stall_seconds=1e9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as task:
        assert task.stdout is not None
        assert task.stdout.readline() == "running\n"
        (child,) = psutil.Process(task.pid).children()
        task.kill()
        child.wait(HANG_SECONDS)


def written_by(script: str, limits: ProcessLimits) -> bytearray:
    """What a shell writes into its pipe, whose number goes into the script."""
    seen = bytearray()
    child = Child("bash", lambda ends: ["bash", "-c", script.format(ends["out"])], Sandbox(limits), writes=("out",))
    process_runner.run([child], {"out": seen.extend}, stall_seconds=HANG_SECONDS)
    return seen


def test_a_child_sees_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen = written_by("export -p >&{}", LIMITS)
    names = {line.removeprefix("declare -x ").partition("=")[0] for line in seen.decode().splitlines()}
    assert names <= {"PATH", "PYTHONPATH", "LANG", "OPENBLAS_NUM_THREADS", "PWD", "OLDPWD", "SHLVL", "_"}


def test_a_child_has_limits() -> None:
    limits = ProcessLimits(cpu_seconds=7, memory_bytes=1 << 30, file_bytes=4096)
    seen = written_by("{{ ulimit -t; ulimit -v; ulimit -f; ulimit -c; }} >&{}", limits)
    assert seen.decode().split() == ["7", str(1 << 20), "4", "0"]
