"""A deadline for a whole request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from mediajobs import clock


class Deadline:
    """Ends a request's connection when its time is over. A time-out of its own starts anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._ends = clock.monotonic() + seconds
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = self._start()

    @property
    def remaining_seconds(self) -> float:
        return max(self._ends - clock.monotonic(), 0.001)

    def shorten(self, seconds: float) -> None:
        """From now on only so long, and no longer than before."""
        self.stop()
        self._ends = min(self._ends, clock.monotonic() + seconds)
        self._timer = self._start()

    def guard(self, connection: socket.socket) -> None:
        """A descriptor of our own: TLS takes the given one over."""
        with self._lock:
            self._close()
            self._connection = connection.dup()
            if self.expired:
                self._hang_up()

    def stop(self) -> None:
        self._timer.cancel()

    def close(self) -> None:
        self.stop()
        with self._lock:
            self._close()

    def _start(self) -> threading.Timer:
        timer = threading.Timer(self.remaining_seconds, self._end)
        timer.daemon = True
        timer.start()
        return timer

    def _end(self) -> None:
        with self._lock:
            self.expired = True
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # it has ended by itself
                self._connection.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


current_deadline: ContextVar[Deadline | None] = ContextVar("watch", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    watch = Deadline(seconds)
    before = current_deadline.set(watch)
    try:
        yield watch
    finally:
        current_deadline.reset(before)
        watch.close()
