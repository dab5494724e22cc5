"""A deadline for a request to another server, kept outside the code that reads.

A socket's own time-out starts anew with every byte that arrives, and a reader may be inside a library that never
returns, so a slow peer could hold a request for ever.
"""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from mediajobs import clock

current_deadline: ContextVar["Deadline | None"] = ContextVar("current_deadline", default=None)


class Deadline:
    """Shuts down a request's connection, in a thread of its own, when its time is over.

    As a context manager it is the `current_deadline` of the code within.
    """

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._ends_at = clock.monotonic() + seconds
        self._watched_until = self._ends_at
        self._connection: socket.socket | None = None
        self._closed = False
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._token: Token[Deadline | None] = current_deadline.set(self)
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_deadline.reset(self._token)
        with self._changed:
            self._closed = True
            self._changed.notify()
            self._close()

    @property
    def remaining_seconds(self) -> float:
        """Never 0, which sockets take for no time-out."""
        return max(self._ends_at - clock.monotonic(), 0.001)

    def restart(self, seconds: float) -> None:
        """Ends the request in `seconds`, whenever it ended before. Has no effect once it has expired."""
        self._move(clock.monotonic() + seconds)

    def shorten(self, seconds: float) -> None:
        """Ends the request in `seconds`, unless it ends earlier."""
        self._move(min(self._ends_at, clock.monotonic() + seconds))

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Does not count the time of the code within, in which the peer is not waited for."""
        ends_at, since = self._ends_at, clock.monotonic()
        self._move(math.inf)
        try:
            yield
        finally:
            self._move(ends_at + clock.monotonic() - since)

    def guard(self, connection: socket.socket) -> None:
        """Takes the connection that is to be shut down. Keeps a duplicate, because TLS detaches the original socket."""
        with self._changed:
            self._close()
            self._connection = connection.dup()
            if self.expired:
                self._shut_down()

    def _move(self, ends_at: float) -> None:
        """Wakes the thread only where it would sleep too long, because a reader calls this for each chunk."""
        with self._changed:
            self._ends_at = ends_at
            if ends_at < self._watched_until:
                self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                remaining = self._ends_at - clock.monotonic()
                if remaining <= 0:
                    self.expired = True
                    self._shut_down()
                    return
                self._watched_until = self._ends_at
                self._changed.wait(None if math.isinf(remaining) else remaining)

    def _shut_down(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # the connection has ended by itself
                self._connection.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
