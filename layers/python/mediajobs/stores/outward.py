"""Requests to URLs that strangers chose: https, and to addresses of the public internet alone.

A name is resolved once, and what was checked is what is connected to: nothing can change in between. No proxy connects
in our place, and nothing but the URL decides where a request goes: redirects are the caller's to follow.
"""

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter

from mediajobs.addresses import is_public

_CONNECT_SECONDS = 10.0
_BODY_SECONDS = 2.0  # an answer's status is what counts; the rest of it is only shown


class BadUrl(Exception):
    """Its argument says what is wrong with the URL."""


class Forbidden(Exception):
    """The host, which is the argument, has no address of the public internet."""


class Unanswered(Exception):
    """No whole answer came. `code` is a snake_case name, the argument says what to do about it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its Retry-After, and the beginning of its body."""

    status: int
    retry_after: str | None
    body: bytes


def private_allowed() -> bool:
    """The local stack alone says so: then http and private addresses are talked to as well."""
    return os.environ.get("ALLOW_PRIVATE_URLS", "").lower() == "true"


def check_url(url: str) -> None:
    """Raises BadUrl."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise BadUrl("it is malformed") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and private_allowed()):
        raise BadUrl(f"its scheme is {parts.scheme or 'missing'!r}")
    if not host:
        raise BadUrl("it names no host")
    if parts.username is not None or parts.password is not None:
        raise BadUrl("it carries a user name or password")


def post(url: str, body: bytes, headers: dict[str, str], *, seconds: float, most: int) -> Reply:
    """Sends the body and gives the answer with at most the first `most` bytes of what it says, within `seconds`,
    however slowly it comes. Raises Unanswered.
    """
    adapter = CheckedAdapter()
    with _watched(seconds) as watch:
        try:
            check_url(url)
            request = requests.Request("POST", url, data=body, headers=headers).prepare()
            with adapter.send(request, stream=True, timeout=(min(_CONNECT_SECONDS, seconds), seconds)) as response:
                return Reply(
                    response.status_code, response.headers.get("Retry-After"), _beginning(response, most, watch)
                )
        except (BadUrl, Forbidden, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if watch.over:
                raise Unanswered(
                    "timed_out", f"No answer within {seconds:g} s. Answer first, and work later."
                ) from error
            raise _unanswered(error) from error
        finally:
            adapter.close()


class CheckedAdapter(HTTPAdapter):
    """Makes its connections to public addresses alone. Raises Forbidden beside what requests raises.

    No session: that would lend proxies and passwords from its surroundings, and read a redirect's body, however long.
    """

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        context = _authorities(os.environ.get("SSL_CERT_FILE"))
        super().init_poolmanager(*arguments, ssl_context=context, **keywords)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002 - requests' signature
        """The context has every authority already; requests would read its own again for each request."""
        conn.cert_reqs = "CERT_REQUIRED"


@cache
def _authorities(_file: str | None) -> ssl.SSLContext:
    """The system's authorities, those of SSL_CERT_FILE, and the well-known ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _Answer(http.client.HTTPResponse):
    """Its head must end with an empty line. The standard library takes the end of the connection for one as well."""

    def begin(self) -> None:
        lines: Any = self.fp
        read = lines.readline

        def readline(*limit: int) -> bytes:
            line: bytes = read(*limit)
            if not line:
                raise http.client.RemoteDisconnected("the connection ended in the head of the answer")
            return line

        lines.readline = readline
        try:
            super().begin()
        finally:
            del lines.readline


class _HttpConnection(urllib3.connection.HTTPConnection):
    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.host, self.port)


class _HttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.host, self.port)


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Watch:
    """Ends a request's connection when its time is over. A time-out of its own starts anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._ends = time.monotonic() + seconds
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = self._start()

    @property
    def left(self) -> float:
        return max(self._ends - time.monotonic(), 0.001)

    def shorten(self, seconds: float) -> None:
        """From now on only so long, and no longer than before."""
        self.stop()
        self._ends = min(self._ends, time.monotonic() + seconds)
        self._timer = self._start()

    def watch(self, connection: socket.socket) -> None:
        """A descriptor of our own: TLS takes the given one over."""
        with self._lock:
            self._close()
            self._connection = connection.dup()
            if self.over:
                self._hang_up()

    def stop(self) -> None:
        self._timer.cancel()

    def close(self) -> None:
        self.stop()
        with self._lock:
            self._close()

    def _start(self) -> threading.Timer:
        timer = threading.Timer(self.left, self._end)
        timer.daemon = True
        timer.start()
        return timer

    def _end(self) -> None:
        with self._lock:
            self.over = True
            self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # it has ended by itself
                self._connection.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_watch: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def _watched(seconds: float) -> Iterator[_Watch]:
    watch = _Watch(seconds)
    before = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(before)
        watch.close()


def _beginning(response: requests.Response, most: int, watch: _Watch) -> bytes:
    """The first bytes of the body; of one that comes too slowly, those that came. Raises Unanswered where the receiver
    itself broke off."""
    watch.shorten(_BODY_SECONDS)
    taken = b""
    try:
        while len(taken) < most:
            piece = response.raw.read1(most - len(taken), decode_content=False)
            if not piece:
                break
            taken += piece
    except (urllib3.exceptions.HTTPError, OSError) as error:
        if not watch.over:
            raise _broken_off() from error
    if not watch.over and len(taken) < most and response.raw.length_remaining:
        raise _broken_off()
    return taken[:most]


def _connect(connection: urllib3.connection.HTTPConnection, host: str, port: int) -> socket.socket:
    """A socket to the first public address of a host that answers."""
    watch = _watch.get()
    limit = connection.timeout if isinstance(connection.timeout, int | float) else _CONNECT_SECONDS
    addresses = _allowed(connection, host, port, min(limit, watch.left) if watch else limit)
    for position, address in enumerate(addresses):
        try:
            made = socket.create_connection((address, port), timeout=min(limit, watch.left) if watch else limit)
        except OSError as error:
            if position == len(addresses) - 1:
                raise urllib3.exceptions.NewConnectionError(connection, f"connecting failed: {error}") from error
        else:
            if watch:
                watch.watch(made)
            return made
    raise Forbidden(host)


def _allowed(connection: urllib3.connection.HTTPConnection, host: str, port: int, seconds: float) -> list[str]:
    try:
        addresses = _resolved(host.strip("[]"), port, seconds)
    except (OSError, UnicodeError) as error:
        raise urllib3.exceptions.NameResolutionError(host, connection, socket.gaierror(str(error))) from error
    return [address for address in addresses if private_allowed() or is_public(address)]


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """What the name stands for now. Resolving knows no time-out: a thread that waits too long is left to itself."""
    found: list[Any] = []

    def resolve() -> None:
        try:
            found.append([str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError("the name servers did not answer in time")
    if isinstance(found[0], Exception):
        raise found[0]
    addresses: list[str] = found[0]
    return addresses


def _timed_out() -> Unanswered:
    return Unanswered("timed_out", "The endpoint did not answer in time. Answer first, and work later.")


def _broken_off() -> Unanswered:
    return Unanswered("broken_off", "The connection ended in the middle of the answer. Answer whole.")


def _unanswered(error: Exception) -> Unanswered:
    """The named error, and its cure."""
    text = str(error)
    if isinstance(error, BadUrl | requests.exceptions.InvalidURL):
        return Unanswered("bad_url", f"The URL cannot be used: {text}. Register https://host/path.")
    if isinstance(error, Forbidden):
        detail = f"{text} is no address of the public internet. Register a host that can be reached from everywhere."
        return Unanswered("forbidden_address", detail)
    if isinstance(error, requests.Timeout):
        return _timed_out()
    if isinstance(error, requests.exceptions.SSLError):
        return Unanswered(
            "tls_failed", "The certificate is not valid for this host. Renew it, or send the whole chain."
        )
    if "NameResolutionError" in text:
        return Unanswered("name_not_found", "The host's name does not resolve. Correct the URL, or the DNS.")
    if "NewConnectionError" in text:
        return Unanswered("connection_failed", "Nobody answers at this host and port. Start the server, open the port.")
    return Unanswered("broken_off", "The connection ended without a whole answer. Answer 2xx with a short body.")
