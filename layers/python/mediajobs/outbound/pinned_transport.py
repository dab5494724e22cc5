"""Connections to checked public addresses only."""

import http.client
import socket
import ssl
import threading
from functools import cache
from typing import Any

import certifi
import urllib3
from requests.adapters import HTTPAdapter

from mediajobs import settings
from mediajobs.outbound.deadline import current_deadline
from mediajobs.public_addresses import is_public

CONNECT_SECONDS = 10.0


class ForbiddenAddress(Exception):
    """The host, which is the argument, has no address of the public internet."""


def private_allowed() -> bool:
    """The local stack alone says so: then http and private addresses are talked to as well."""
    return settings.is_on("ALLOW_PRIVATE_URLS")


class CheckedAdapter(HTTPAdapter):
    """Makes its connections to public addresses alone. Raises Forbidden beside what requests raises.

    No session: that would lend proxies and passwords from its surroundings, and read a redirect's body, however long.
    """

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        context = _authorities(settings.setting("SSL_CERT_FILE", ""))
        super().init_poolmanager(*arguments, ssl_context=context, **keywords)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002 - requests' signature
        """The context has every authority already; requests would read its own again for each request."""
        conn.cert_reqs = "CERT_REQUIRED"


@cache
def _authorities(_file: str) -> ssl.SSLContext:
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


def _connect(connection: urllib3.connection.HTTPConnection, host: str, port: int) -> socket.socket:
    """A socket to the first public address of a host that answers."""
    watch = current_deadline.get()
    limit = connection.timeout if isinstance(connection.timeout, int | float) else CONNECT_SECONDS
    addresses = _allowed(connection, host, port, min(limit, watch.remaining_seconds) if watch else limit)
    for position, address in enumerate(addresses):
        try:
            made = socket.create_connection(
                (address, port), timeout=min(limit, watch.remaining_seconds) if watch else limit
            )
        except OSError as error:
            if position == len(addresses) - 1:
                raise urllib3.exceptions.NewConnectionError(connection, f"connecting failed: {error}") from error
        else:
            if watch:
                watch.guard(made)
            return made
    raise ForbiddenAddress(host)


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
