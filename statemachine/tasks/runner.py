"""Runs ffmpeg and ffprobe: fenced in, drained, watched, and never outliving the task."""

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

Consume = Callable[[bytes], None]
STDOUT, STDERR = "stdout", "stderr"
TICK_SECONDS = 0.2
STALL_SECONDS = 120
STDERR_TAIL = 4096  # bytes
PIPE_BYTES = 1 << 20  # what an unprivileged process may ask for
JOIN_SECONDS = 120  # longer than a sink waits for S3
URL = re.compile(r"https?://[^\s'\",]+")  # presigned: it is a credential


@dataclass(frozen=True)
class Limits:
    """What a child may use: CPU time over all its threads, address space, size of a file that it writes."""

    cpu_seconds: int
    memory_bytes: int
    file_bytes: int = 0


class Failed(Exception):
    """The child ended with something else than 0, a negative number being a signal. `stderr` is its tail."""

    def __init__(self, returncode: int, stderr: str) -> None:
        super().__init__(f"ended with {returncode}: {stderr}")
        self.returncode = returncode
        self.stderr = stderr


def run(
    build: Callable[[Mapping[str, int]], list[str]],
    readers: Mapping[str, Consume],
    *,
    limits: Limits,
    tick: Callable[[], None] = lambda: None,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Run the command that `build` makes of the numbers of its pipes, one for each reader, until all is read.

    Each reader gets its bytes in a thread of its own; `tick` is called every 0.2 s here. Whatever either raises ends
    the child. Raises Failed, or JobError `stalled` when nothing was written for `stall_seconds`.
    """
    tail = _Tail()
    with _drained({**readers, STDERR: tail.add}) as (pipes, drains):
        numbers = {name: number for name, number in pipes.items() if name not in {STDOUT, STDERR}}
        child = subprocess.Popen(
            fenced(build(numbers), limits),
            stdin=subprocess.DEVNULL,
            stdout=pipes.get(STDOUT, subprocess.DEVNULL),
            stderr=pipes[STDERR],
            pass_fds=list(numbers.values()),
            env=environment(),
            start_new_session=True,
        )
        try:
            _close(pipes)
            _watch(child, drains, tick, stall_seconds)
        finally:
            _kill(child)
    if child.returncode:
        raise Failed(child.returncode, tail.text())


def fenced(command: list[str], limits: Limits) -> list[str]:
    """The command behind its limits; it dies with the thread that started it, even by SIGKILL."""
    fence = []
    if prlimit := shutil.which("prlimit"):
        fence += [prlimit, f"--as={limits.memory_bytes}", f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 10}"]
        fence += [f"--fsize={limits.file_bytes}", "--core=0"]
    if setpriv := shutil.which("setpriv"):
        fence += [setpriv, "--pdeathsig", "KILL", "--no-new-privs"]
    return [*fence, *command]


def environment() -> dict[str, str]:
    """Nothing of the task's own: no credentials, no proxies."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


class _Tail:
    """The last words of a child, with URLs left out."""

    def __init__(self) -> None:
        self._bytes = b""

    def add(self, data: bytes) -> None:
        self._bytes = (self._bytes + data)[-STDERR_TAIL:]

    def text(self) -> str:
        return URL.sub("(source)", self._bytes.decode(errors="replace")).strip()


class _Drain(threading.Thread):
    """Empties one pipe into its reader until the other end is closed."""

    def __init__(self, name: str, descriptor: int, consume: Consume) -> None:
        super().__init__(name=f"drain-{name}", daemon=True)
        self.total = 0
        self.error: BaseException | None = None
        self._descriptor, self._consume = descriptor, consume

    def run(self) -> None:
        try:
            while data := os.read(self._descriptor, PIPE_BYTES):
                self.total += len(data)
                self._consume(data)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that watches
            self.error = error
        finally:
            os.close(self._descriptor)


@contextlib.contextmanager
def _drained(readers: Mapping[str, Consume]) -> Iterator[tuple[dict[str, int], list[_Drain]]]:
    """Writing ends by name, and the threads that empty them; on leaving, all are closed and joined."""
    pipes: dict[str, int] = {}
    drains: list[_Drain] = []
    try:
        for name, consume in readers.items():
            reading, pipes[name] = os.pipe()
            with contextlib.suppress(OSError):  # a smaller pipe only costs more wake-ups
                fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            drains.append(_Drain(name, reading, consume))
            drains[-1].start()
        yield pipes, drains
    finally:
        _close(pipes)
        for drain in drains:
            drain.join(JOIN_SECONDS)


def _close(pipes: dict[str, int]) -> None:
    while pipes:
        os.close(pipes.popitem()[1])


def _watch(
    child: subprocess.Popen[bytes], drains: list[_Drain], tick: Callable[[], None], stall_seconds: float
) -> None:
    written, since = -1, time.monotonic()
    while child.poll() is None or any(drain.is_alive() for drain in drains):
        _wait(child, drains)
        total = sum(drain.total for drain in drains)
        if total != written:
            written, since = total, time.monotonic()
        elif time.monotonic() - since > stall_seconds:
            reason = f"ffmpeg made nothing for {stall_seconds:.0f} s; retry the job"
            raise JobError("stalled", reason, retryable=True)
        tick()
    _raise_failure(drains)


def _wait(child: subprocess.Popen[bytes], drains: list[_Drain]) -> None:
    """A tick, less where everything ends before; raises what a reader has raised."""
    alive = [drain for drain in drains if drain.is_alive()]
    for drain in alive:
        drain.join(TICK_SECONDS / len(alive))
    if not alive:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(TICK_SECONDS)
    _raise_failure(drains)


def _raise_failure(drains: list[_Drain]) -> None:
    for drain in drains:
        if drain.error is not None:
            raise drain.error


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)
