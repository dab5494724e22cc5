"""Runs decoders and ffmpeg with limits, reads their pipes, and ends them when they stall or the task ends."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mediajobs.errors import JobError

Reader = Callable[[bytes], None]
EXIT_NAMED_FAILURE = 3  # of a decoder whose standard error ends with a JobError as JSON
EXIT_READER_GONE = 4  # of a child that ends because nobody reads any more what it writes
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


@dataclass(frozen=True)
class Child:
    """A process. `build` makes its command from the file descriptors of its pipes, by name.

    It gets the writing end of those that it `writes`, and the reading end of those that it `reads`.
    """

    name: str
    build: Callable[[Mapping[str, int]], list[str]]
    limits: ProcessLimits
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


class ProcessFailed(Exception):
    """A child ended with an exit code other than 0; a negative one is a signal. `stderr` is the end of its output."""

    def __init__(self, child: str, returncode: int, stderr: str) -> None:
        super().__init__(f"{child} ended with {returncode}: {stderr}")
        self.child = child
        self.returncode = returncode
        self.stderr = stderr


def run(
    children: Sequence[Child],
    readers: Mapping[str, Reader],
    *,
    tick: Callable[[], None] = lambda: None,
    activity: Callable[[], object] | None = None,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Runs the children side by side until all have ended and all pipes are read.

    A pipe leads from the child that writes it to the one that reads it, or to the reader of its name, which gets its
    bytes in a thread of its own. `tick` is called every 0.2 s in the calling thread. What a reader or `tick` raises
    ends the children and is raised here. Raises ProcessFailed for the child that is to blame, and JobError `stalled`
    where `activity` (by default what all readers got) stays the same for `stall_seconds`.
    """
    with _Pipes(children, readers) as pipes:
        running: list[_Running] = []
        try:
            running.extend(_Running(child, pipes) for child in children)
            pipes.close()
            _supervise(running, pipes.threads, tick, activity or pipes.bytes_read, stall_seconds)
        finally:
            for process in running:
                process.kill()
    _raise_failure(running)


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
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {"LANG": "C.UTF-8"}


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


class _Pipes:
    """The pipes of a group of children, by name. Every child has one more for its standard error.

    On leaving, all ends that are still open here are closed and the threads joined.
    """

    def __init__(self, children: Sequence[Child], readers: Mapping[str, Reader]) -> None:
        self.threads: list[_PipeReader] = []
        self.tails = {child.name: _OutputTail() for child in children}
        self._reading: dict[str, int] = {}
        self._writing: dict[str, int] = {}
        stderrs = {_stderr_of(child.name): self.tails[child.name].add for child in children}
        try:
            for name in dict.fromkeys(name for child in children for name in (*child.writes, _stderr_of(child.name))):
                self._reading[name], self._writing[name] = os.pipe()
                with contextlib.suppress(OSError):  # a smaller pipe only causes more wake-ups
                    fcntl.fcntl(self._writing[name], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            for name, reader in {**readers, **stderrs}.items():
                if name not in self._reading:  # no child writes it
                    continue
                self.threads.append(_PipeReader(name, self._reading.pop(name), reader))
                self.threads[-1].start()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "_Pipes":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
        for thread in self.threads:
            thread.join(JOIN_SECONDS)

    def ends_of(self, child: Child) -> dict[str, int]:
        read = {name: self._reading[name] for name in child.reads}
        return read | {name: self._writing[name] for name in child.writes}

    def stderr_of(self, child: Child) -> int:
        return self._writing[_stderr_of(child.name)]

    def bytes_read(self) -> int:
        return sum(thread.total for thread in self.threads)

    def close(self) -> None:
        """Closes the ends that the children have got, so that whoever reads sees the end of a child."""
        for ends in (self._reading, self._writing):
            while ends:
                os.close(ends.popitem()[1])


def _stderr_of(child: str) -> str:
    return f"stderr of {child}"


class _Running:
    """A child that was started."""

    def __init__(self, child: Child, pipes: _Pipes) -> None:
        self.name = child.name
        self.tail = pipes.tails[child.name]
        self.failure = 0
        ends = pipes.ends_of(child)
        self.process = subprocess.Popen(
            with_limits(child.build(ends), child.limits),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=pipes.stderr_of(child),
            pass_fds=list(ends.values()),
            env=child_environment(),
            start_new_session=True,
        )

    def kill(self) -> None:
        """Ends it. `failure` is then the exit code with which it has failed by itself, or 0."""
        self.failure = self.process.poll() or 0
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def _supervise(
    running: list[_Running],
    readers: list[_PipeReader],
    tick: Callable[[], None],
    activity: Callable[[], object],
    stall_seconds: float,
) -> None:
    latest, since = activity(), time.monotonic()
    while any(child.process.poll() is None for child in running) or any(reader.is_alive() for reader in readers):
        _wait(running, readers)
        if any(child.process.poll() for child in running):
            return
        if (current := activity()) != latest:
            latest, since = current, time.monotonic()
        elif time.monotonic() - since > stall_seconds:
            reason = f"ffmpeg made nothing for {stall_seconds:.0f} s; retry the job"
            raise JobError("stalled", reason, retryable=True)
        tick()
    _raise_reader_error(readers)


def _wait(running: list[_Running], readers: list[_PipeReader]) -> None:
    """Waits POLL_SECONDS, or less where everything ends earlier. Raises what a reader has raised."""
    alive = [reader for reader in readers if reader.is_alive()]
    for reader in alive:
        reader.join(POLL_SECONDS / len(alive))
    if not alive:
        for child in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(POLL_SECONDS / len(running))
    _raise_reader_error(readers)


def _raise_reader_error(readers: list[_PipeReader]) -> None:
    for reader in readers:
        if reader.error is not None:
            raise reader.error


def _raise_failure(running: list[_Running]) -> None:
    """Raises for the child that is to blame: one whose reader had gone is so only where no other failed."""
    failed = sorted((child for child in running if child.failure), key=lambda child: child.failure == EXIT_READER_GONE)
    for child in failed:
        raise ProcessFailed(child.name, child.failure, child.tail.text())
