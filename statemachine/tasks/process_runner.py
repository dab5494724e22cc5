"""Runs decoders and ffmpeg in sandboxes, reads their pipes, and ends them when they stall or the task ends."""

import contextlib
import fcntl
import math
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mediajobs.errors import JobError
from statemachine.tasks import child_exit_codes, sandbox
from statemachine.tasks.sandbox import Sandbox

Reader = Callable[[bytes], None]
Server = Callable[[socket.socket], None]
POLL_SECONDS = 0.2
STALL_SECONDS = 120
STDERR_TAIL_BYTES = 4096  # bytes
PIPE_BYTES = 1 << 20  # the most that an unprivileged process may set
JOIN_SECONDS = 120  # longer than an upload waits for S3
SERVER_JOIN_SECONDS = 1  # one that waits for S3 ends by its time-outs, and holds nothing that others need
URL = re.compile(r"https?://[^\s'\",]+")  # presigned, so it is a credential


@dataclass(frozen=True)
class Child:
    """A process. `build` makes its command from the file descriptors of its pipes, by name.

    It gets the writing end of those that it `writes`, and the reading end of those that it `reads`. `asks` holds by
    name whoever answers it at the other end of a socket, in a thread, until the child closes its end.
    """

    name: str
    build: Callable[[Mapping[str, int]], list[str]]
    sandbox: Sandbox
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    asks: Mapping[str, Server] = field(default_factory=dict)


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
    deadline_seconds: float = math.inf,
) -> None:
    """Runs the children side by side until all have ended and all pipes are read.

    A pipe leads from the child that writes it to the one that reads it, or to the reader of its name, which gets its
    bytes in a thread of its own. `tick` is called every 0.2 s in the calling thread. What a reader or `tick` raises
    ends the children and is raised here. Raises ProcessFailed for the child that is to blame, and JobError `stalled`
    where `activity` (by default what all readers got) stays the same for `stall_seconds`, and `too_slow` where
    everything together takes longer than `deadline_seconds`.
    """
    with _Pipes(children, readers) as pipes:
        running: list[_Running] = []
        try:
            running.extend(_Running(child, pipes) for child in children)
            pipes.close()
            stall = _Stall(activity or pipes.bytes_read, stall_seconds, deadline_seconds)
            _supervise(running, pipes, tick, stall)
        finally:
            for process in running:
                process.kill()
    _raise_failure(running)


def child_environment() -> dict[str, str]:
    """An environment without the task's own variables, such as credentials and proxies."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}  # threads of numpy could not be confined


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


class _SocketServer(threading.Thread):
    """Answers a child until it closes its end of the socket, or until `stop`."""

    def __init__(self, name: str, connection: socket.socket, server: Server) -> None:
        super().__init__(name=f"server-{name}", daemon=True)
        self.error: BaseException | None = None
        self._connection, self._server, self._stopped = connection, server, False

    def run(self) -> None:
        try:
            self._server(self._connection)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that supervises
            if not self._stopped:
                self.error = error
        finally:
            self._connection.close()

    def stop(self) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):  # it has ended
            self._connection.shutdown(socket.SHUT_RDWR)
        self.join(SERVER_JOIN_SECONDS)


class _Pipes:
    """The pipes and sockets of a group of children, by name. Every child has one more for its standard error.

    On leaving, all ends that are still open here are closed and the threads joined.
    """

    def __init__(self, children: Sequence[Child], readers: Mapping[str, Reader]) -> None:
        self.threads: list[_PipeReader] = []
        self.servers: list[_SocketServer] = []
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
            for child in children:
                for name, server in child.asks.items():
                    self._serve(f"{name} of {child.name}", server)
        except BaseException:  # also a kill: no descriptor and no thread may stay; raised again
            self.__exit__()
            raise

    def __enter__(self) -> "_Pipes":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
        for server in self.servers:
            server.stop()
        for thread in self.threads:
            thread.join(JOIN_SECONDS)

    def ends_of(self, child: Child) -> dict[str, int]:
        ends = {name: self._reading[name] for name in child.reads}
        ends |= {name: self._writing[name] for name in child.writes}
        return ends | {name: self._reading[f"{name} of {child.name}"] for name in child.asks}

    def stderr_of(self, child: Child) -> int:
        return self._writing[_stderr_of(child.name)]

    def bytes_read(self) -> int:
        return sum(thread.total for thread in self.threads)

    def raise_error(self) -> None:
        """Raises what a reader or a server has raised."""
        for error in [reader.error for reader in self.threads] + [server.error for server in self.servers]:
            if error is not None:
                raise error

    def close(self) -> None:
        """Closes the ends that the children have got, so that whoever reads sees the end of a child."""
        for ends in (self._reading, self._writing):
            while ends:
                os.close(ends.popitem()[1])

    def _serve(self, name: str, server: Server) -> None:
        ours, theirs = socket.socketpair()
        self._reading[name] = theirs.detach()
        self.servers.append(_SocketServer(name, ours, server))
        self.servers[-1].start()


def _stderr_of(child: str) -> str:
    return f"stderr of {child}"


class _Running:
    """A child that was started."""

    def __init__(self, child: Child, pipes: _Pipes) -> None:
        self.name = child.name
        self.tail = pipes.tails[child.name]
        self.failure = 0
        ends = pipes.ends_of(child)
        with sandbox.confined(child.sandbox, child.build(ends)) as (command, descriptors):
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=pipes.stderr_of(child),
                pass_fds=[*ends.values(), *descriptors],
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


class _Stall:
    """Notices that nothing goes on any more, and that it goes on for too long."""

    def __init__(self, activity: Callable[[], object], stall_seconds: float, deadline_seconds: float) -> None:
        self._activity, self._stall_seconds, self._deadline_seconds = activity, stall_seconds, deadline_seconds
        self._latest, self._since = activity(), time.monotonic()
        self._started = self._since

    def check(self) -> None:
        now = time.monotonic()
        if now - self._started > self._deadline_seconds:
            reason = f"reading the file took more than {self._deadline_seconds:.0f} s; export it anew, or retry the job"
            raise JobError("too_slow", reason, retryable=True)
        if (current := self._activity()) != self._latest:
            self._latest, self._since = current, now
        elif now - self._since > self._stall_seconds:
            reason = f"ffmpeg made nothing for {self._stall_seconds:.0f} s; retry the job"
            raise JobError("stalled", reason, retryable=True)


def _supervise(running: list[_Running], pipes: _Pipes, tick: Callable[[], None], stall: _Stall) -> None:
    while any(child.process.poll() is None for child in running) or any(reader.is_alive() for reader in pipes.threads):
        _wait(running, pipes)
        if any(child.process.poll() for child in running):
            return
        stall.check()
        sandbox.check_threads(child.process.pid for child in running)
        tick()
    pipes.raise_error()


def _wait(running: list[_Running], pipes: _Pipes) -> None:
    """Waits POLL_SECONDS, or less where everything ends earlier. Raises what a reader or a server has raised."""
    alive = [reader for reader in pipes.threads if reader.is_alive()]
    for reader in alive:
        reader.join(POLL_SECONDS / len(alive))
    if not alive:
        for child in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(POLL_SECONDS / len(running))
    pipes.raise_error()


def _raise_failure(running: list[_Running]) -> None:
    """Raises for the child that is to blame: one whose reader had gone is so only where no other failed."""
    failed = [child for child in running if child.failure]
    for child in sorted(failed, key=lambda child: child.failure == child_exit_codes.READER_GONE):
        raise ProcessFailed(child.name, child.failure, child.tail.text())
