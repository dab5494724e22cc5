"""The memory of the media task and of all its children, by the high-water mark of each."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import ffmpeg_command, media
from tests.support import media_samples, task_context

GIB = 1 << 30
SECONDS = 8  # enough to fill every queue and what the encoders look ahead
SOUND_STARTS = 7  # seconds; raw pictures that waited for it would be over either limit
_POLL_SECONDS = 0.05
ALL_RUNGS = ["240p", "360p", "480p", "720p", "1080p", "1440p", "2160p"]


class _Peaks:
    """The largest resident size of this process and of each child, in bytes."""

    def __init__(self) -> None:
        self.by_process: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self._own_command = psutil.Process().cmdline()

    @property
    def total(self) -> int:
        return sum(self.by_process.values())

    def look(self, process: psutil.Process) -> None:
        try:
            command = process.cmdline()
            status = Path(f"/proc/{process.pid}/status").read_text()
            if command == self._own_command:  # a copy of this process, before it becomes a child
                return
            self.names[process.pid] = " ".join(command)[:300]
        except (OSError, psutil.Error):  # it has ended
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.raise_to(process.pid, int(line.split()[1]) * 1024)

    def raise_to(self, pid: int, size: int) -> None:
        self.by_process[pid] = max(self.by_process.get(pid, 0), size)

    def __str__(self) -> str:
        rows = (f"{size >> 20} MiB: {self.names[pid]}" for pid, size in self.by_process.items())
        return "\n".join([f"{self.total >> 20} MiB", *rows])


@contextmanager
def _measured() -> Iterator[_Peaks]:
    """What the children need, and by how much this process grows: it holds a storage server and the test, too."""
    peaks, this, is_over = _Peaks(), psutil.Process(), threading.Event()
    before = this.memory_info().rss
    peaks.names[this.pid] = "the task"

    def watch() -> None:
        while not is_over.wait(_POLL_SECONDS):
            for child in this.children(recursive=True):
                peaks.look(child)
            peaks.raise_to(this.pid, this.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        is_over.set()
        watcher.join()


def _late_sound(path: Path, size: str, rate: str) -> Path:
    """The sound begins long after the picture."""
    sound = ["-itsoffset", str(SOUND_STARTS), *media_samples.sound(SECONDS - SOUND_STARTS)]
    media_samples.ffmpeg(
        *media_samples.picture(size, SECONDS, rate), *sound, *media_samples.VIDEO, *media_samples.AUDIO, path
    )
    return path


@pytest.mark.parametrize(("size", "rate", "limit"), [("1920x1080", "30", 1 * GIB), ("3840x2160", "10", 2 * GIB)])
def test_memory_is_bounded(bucket: MediaBucket, tmp_path: Path, size: str, rate: str, limit: int) -> None:
    source = _late_sound(tmp_path / "late.mkv", size, rate)
    context = task_context.validated(task_context.job(bucket, source, Options(renditions=ALL_RUNGS)))
    ffmpeg_command.executable()  # when first asked it starts a child
    with _measured() as peaks:
        media.run(context)
    assert peaks.total < limit, str(peaks)
