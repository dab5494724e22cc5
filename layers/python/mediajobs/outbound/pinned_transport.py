"""The transport below `requests`: it resolves a host once, and connects only to addresses that were checked.

Connections and name resolution observe the current deadline.
"""

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import certifi
import urllib3
from requests.adapters import HTTPAdapter

from mediajobs import settings
from mediajobs.outbound.deadline import current_deadline
from mediajobs.public_addresses import is_public

CONNECT_SECONDS = 10.0
_MAX_ADDRESSES = 8  # of a name, are tried; a name may have thousands
_MAX_LINES_BYTES = 64 << 10

# At DEBUG this logger writes each request's path and query, where presigned URLs and tokens have their secrets.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class ForbiddenAddress(Exception):
    """The host, which is the argument, has no public address."""


def private_allowed() -> bool:
    """Whether http and private addresses are allowed as well. Only the local stack sets this."""
    return settings.is_on("ALLOW_PRIVATE_URLS")


class CheckedAdapter(HTTPAdapter):
    """An adapter that connects to public addresses only. Raises ForbiddenAddress beside the errors of `requests`.

    It is used without a session: a session takes proxies and passwords from the environment, and reads the whole body
    of a redirect, however long it is.
    """

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        context = _authorities(settings.setting("SSL_CERT_FILE", ""))
        super().init_poolmanager(*arguments, ssl_context=context, **keywords)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002 - requests' signature
        """Requires certificates. The context has the authorities; `requests` would load its own at each request."""
        conn.cert_reqs = "CERT_REQUIRED"


@cache
def _authorities(_file: str) -> ssl.SSLContext:
    """Returns a context with the authorities of the system, of SSL_CERT_FILE and of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _Lines:
    """Reads the lines of a response, at most 64 KiB of them between two pieces of its body.

    The standard library limits each line of heads, chunk sizes and trailers, but not how many heads (100 Continue) or
    trailers there are, and it accepts the end of the connection as the end of a head.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._left = _MAX_LINES_BYTES
        self.in_head = True

    def readline(self, limit: int = -1) -> bytes:
        line = self._read(min(limit, self._left + 1) if limit >= 0 else self._left + 1)
        if not line and self.in_head:
            raise http.client.RemoteDisconnected("the connection ended in the head of the answer")
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("the lines of an answer")
        return line

    def restart(self) -> None:
        self._left = _MAX_LINES_BYTES


class _StrictResponse(http.client.HTTPResponse):
    """A response whose head ends with an empty line, and whose lines are bounded."""

    def begin(self) -> None:
        fp: Any = self.fp
        self._lines = _Lines(fp.readline)
        fp.readline = self._lines.readline
        super().begin()
        self._lines.in_head = False

    def read1(self, n: int = -1) -> bytes:
        piece = super().read1(n)
        if piece:
            self._lines.restart()
        return piece


class _HttpConnection(urllib3.connection.HTTPConnection):
    response_class = _StrictResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.host, self.port)


class _HttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = _StrictResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.host, self.port)


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def _connect(connection: urllib3.connection.HTTPConnection, host: str, port: int) -> socket.socket:
    """Returns a socket to the first of the host's public addresses that accepts a connection."""
    deadline = current_deadline.get()
    limit = connection.timeout if isinstance(connection.timeout, int | float) else CONNECT_SECONDS

    def seconds() -> float:
        return min(limit, deadline.remaining_seconds) if deadline else limit

    addresses = _allowed_addresses(connection, host, port, seconds())
    for position, address in enumerate(addresses):
        try:
            connected = socket.create_connection((address, port), timeout=seconds())
        except OSError as error:
            if position == len(addresses) - 1:
                raise urllib3.exceptions.NewConnectionError(connection, f"connecting failed: {error}") from error
        else:
            if deadline:
                deadline.guard(connected)
            return connected
    raise ForbiddenAddress(host)


def _allowed_addresses(
    connection: urllib3.connection.HTTPConnection, host: str, port: int, seconds: float
) -> list[str]:
    try:
        addresses = _resolve(host.strip("[]"), port, seconds)
    except (OSError, UnicodeError) as error:
        raise urllib3.exceptions.NameResolutionError(host, connection, socket.gaierror(str(error))) from error
    return [address for address in addresses if private_allowed() or is_public(address)][:_MAX_ADDRESSES]


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Returns the current addresses of a name.

    `getaddrinfo` has no time-out, so it runs in a thread of its own, which is abandoned if it takes too long.
    """
    results: list[list[str] | Exception] = []

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            results.append([str(address[0]) for *_, address in found])
        except (OSError, UnicodeError) as error:
            results.append(error)

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not results:
        raise TimeoutError("the name servers did not answer in time")
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]
