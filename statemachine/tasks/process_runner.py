"""Runs ffmpeg and ffprobe with limits, reads their pipes, and ends them when they stall or the task ends."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mediajobs.errors import JobError

Reader = Callable[[bytes], None]
STDOUT, STDERR = "stdout", "stderr"
POLL_SECONDS = 0.2
STALL_SECONDS = 120
STDERR_TAIL_BYTES = 4096  # bytes
PIPE_BYTES = 1 << 20  # the most that an unprivileged process may set
JOIN_SECONDS = 120  # longer than an upload waits for S3
URL = re.compile(r"https?://[^\s'\",]+")  # presigned, so it is a credential


@dataclass(frozen=True)
class ProcessLimits:
    """Limits of a child: CPU time over all its threads, address space, size of a file that it writes."""

    cpu_seconds: int
    memory_bytes: int
    file_bytes: int = 0


class ProcessFailed(Exception):
    """The child ended with an exit code other than 0; a negative one is a signal. `stderr` is the end of its output."""

    def __init__(self, returncode: int, stderr: str) -> None:
        super().__init__(f"ended with {returncode}: {stderr}")
        self.returncode = returncode
        self.stderr = stderr


def run(
    build: Callable[[Mapping[str, int]], list[str]],
    readers: Mapping[str, Reader],
    *,
    limits: ProcessLimits,
    tick: Callable[[], None] = lambda: None,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Runs the command that `build` returns for the file descriptors of its pipes, until all pipes are read.

    Each reader gets its bytes in a thread of its own. `tick` is called every 0.2 s in the calling thread. What a reader
    or `tick` raises ends the child and is raised here. Raises ProcessFailed, and JobError `stalled` where nothing was
    written for `stall_seconds`.
    """
    stderr = _OutputTail()
    with _open_pipes({**readers, STDERR: stderr.add}) as (pipes, pipe_readers):
        descriptors = {name: number for name, number in pipes.items() if name not in {STDOUT, STDERR}}
        child = subprocess.Popen(
            with_limits(build(descriptors), limits),
            stdin=subprocess.DEVNULL,
            stdout=pipes.get(STDOUT, subprocess.DEVNULL),
            stderr=pipes[STDERR],
            pass_fds=list(descriptors.values()),
            env=child_environment(),
            start_new_session=True,
        )
        try:
            _close_pipes(pipes)
            _supervise(child, pipe_readers, tick, stall_seconds)
        finally:
            _kill(child)
    if child.returncode:
        raise ProcessFailed(child.returncode, stderr.text())


def with_limits(command: list[str], limits: ProcessLimits) -> list[str]:
    """The command with its limits. It dies with the thread that started it, even if SIGKILL ended that."""
    prefix = []
    if prlimit := shutil.which("prlimit"):
        prefix += [prlimit, f"--as={limits.memory_bytes}", f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 10}"]
        prefix += [f"--fsize={limits.file_bytes}", "--core=0"]
    if setpriv := shutil.which("setpriv"):
        prefix += [setpriv, "--pdeathsig", "KILL", "--no-new-privs"]
    return [*prefix, *command]


def child_environment() -> dict[str, str]:
    """An environment without the task's own variables, such as credentials and proxies."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


class _OutputTail:
    """The end of what a child wrote, with its URLs replaced."""

    def __init__(self) -> None:
        self._bytes = b""

    def add(self, data: bytes) -> None:
        self._bytes = (self._bytes + data)[-STDERR_TAIL_BYTES:]

    def text(self) -> str:
        return URL.sub("(source)", self._bytes.decode(errors="replace")).strip()


class _PipeReader(threading.Thread):
    """Passes the bytes of one pipe to its reader until the other end is closed."""

    def __init__(self, name: str, descriptor: int, reader: Reader) -> None:
        super().__init__(name=f"pipe-{name}", daemon=True)
        self.total = 0
        self.error: BaseException | None = None
        self._descriptor, self._reader = descriptor, reader

    def run(self) -> None:
        try:
            while data := os.read(self._descriptor, PIPE_BYTES):
                self.total += len(data)
                self._reader(data)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that supervises
            self.error = error
        finally:
            os.close(self._descriptor)


@contextlib.contextmanager
def _open_pipes(readers: Mapping[str, Reader]) -> Iterator[tuple[dict[str, int], list[_PipeReader]]]:
    """Yields the writing ends by name, and the threads that read the pipes. On leaving, all are closed and joined."""
    pipes: dict[str, int] = {}
    threads: list[_PipeReader] = []
    try:
        for name, reader in readers.items():
            reading_end, pipes[name] = os.pipe()
            with contextlib.suppress(OSError):  # a smaller pipe only causes more wake-ups
                fcntl.fcntl(reading_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            threads.append(_PipeReader(name, reading_end, reader))
            threads[-1].start()
        yield pipes, threads
    finally:
        _close_pipes(pipes)
        for thread in threads:
            thread.join(JOIN_SECONDS)


def _close_pipes(pipes: dict[str, int]) -> None:
    while pipes:
        os.close(pipes.popitem()[1])


def _supervise(
    child: subprocess.Popen[bytes], readers: list[_PipeReader], tick: Callable[[], None], stall_seconds: float
) -> None:
    written, since = -1, time.monotonic()
    while child.poll() is None or any(reader.is_alive() for reader in readers):
        _wait(child, readers)
        total = sum(reader.total for reader in readers)
        if total != written:
            written, since = total, time.monotonic()
        elif time.monotonic() - since > stall_seconds:
            reason = f"ffmpeg made nothing for {stall_seconds:.0f} s; retry the job"
            raise JobError("stalled", reason, retryable=True)
        tick()
    _raise_reader_error(readers)


def _wait(child: subprocess.Popen[bytes], readers: list[_PipeReader]) -> None:
    """Waits POLL_SECONDS, or less where everything ends earlier. Raises what a reader has raised."""
    alive = [reader for reader in readers if reader.is_alive()]
    for reader in alive:
        reader.join(POLL_SECONDS / len(alive))
    if not alive:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(POLL_SECONDS)
    _raise_reader_error(readers)


def _raise_reader_error(readers: list[_PipeReader]) -> None:
    for reader in readers:
        if reader.error is not None:
            raise reader.error


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)
