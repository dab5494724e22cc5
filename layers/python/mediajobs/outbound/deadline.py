"""A deadline for a whole request to another server.

A socket's own time-out starts anew with every byte that arrives, so a slow peer could hold a request for ever.
"""

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from mediajobs import clock

current_deadline: ContextVar["Deadline | None"] = ContextVar("current_deadline", default=None)


class Deadline:
    """Shuts down a request's connection when its time is over.

    As a context manager it is the `current_deadline` of the code within.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.expired = seconds, False
        self._ends_at = clock.monotonic() + seconds
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = self._start_timer()

    def __enter__(self) -> Self:
        self._token: Token[Deadline | None] = current_deadline.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        current_deadline.reset(self._token)
        self._timer.cancel()
        with self._lock:
            self._close()

    @property
    def remaining_seconds(self) -> float:
        """Never 0, which sockets take for no time-out."""
        return max(self._ends_at - clock.monotonic(), 0.001)

    def shorten(self, seconds: float) -> None:
        """Ends the request in `seconds`, unless it ends earlier."""
        self._timer.cancel()
        self._ends_at = min(self._ends_at, clock.monotonic() + seconds)
        self._timer = self._start_timer()

    def guard(self, connection: socket.socket) -> None:
        """Takes the connection that is to be shut down. Keeps a duplicate, because TLS detaches the original socket."""
        with self._lock:
            self._close()
            self._connection = connection.dup()
            if self.expired:
                self._shut_down()

    def _start_timer(self) -> threading.Timer:
        timer = threading.Timer(self.remaining_seconds, self._expire)
        timer.daemon = True
        timer.start()
        return timer

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # the connection has ended by itself
                self._connection.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
