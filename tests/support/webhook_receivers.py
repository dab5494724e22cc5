"""Webhook receivers on real sockets of the loopback, well-behaved and not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.waiting import HANG_SECONDS


@dataclass(frozen=True)
class Request:
    """What came. Names of headers in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    url: str
    requests: list[Request] = field(default_factory=list)


Behaviour = Callable[[socket.socket, Request], None]


@contextmanager
def receiver(*behaviours: Behaviour, host: str = "127.0.0.1", certificate: Path | None = None) -> Iterator[Receiver]:
    """Each request meets the next behaviour, and the last one from then on."""
    listening = socket.create_server((host, 0))
    running = Receiver(f"{'https' if certificate else 'http'}://{host}:{listening.getsockname()[1]}/hook")
    lock = threading.Lock()
    context = _context(certificate)
    open_sockets: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                request = _read(connection)
                with lock:
                    behaviour = behaviours[min(len(running.requests), len(behaviours) - 1)]
                    running.requests.append(request)
                behaviour(connection, request)

    def accept() -> None:
        with suppress(OSError):  # it is closed: the test is over
            while True:
                connection, _ = listening.accept()
                open_sockets.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for each in open_sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        thread.join(HANG_SECONDS)


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """`Retry_After="5"` is the header Retry-After."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    def behave(connection: socket.socket, _: Request) -> None:
        connection.sendall(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + body)

    return behave


def hang_up(connection: socket.socket, _: Request) -> None:
    """Without a word."""


def hang_up_in_the_head(connection: socket.socket, _: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-")


def hang_up_in_the_body(connection: socket.socket, _: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")


def endless_body(connection: socket.socket, _: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"more and " * 1000)


def endless_head(connection: socket.socket, _: Request) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: and more\r\n" * 100)


def endless_promises(connection: socket.socket, _: Request) -> None:
    """100 Continue, for ever."""
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def silence(connection: socket.socket, _: Request) -> None:
    """Until the other side has enough."""
    connection.recv(1)


def dribble(text: bytes) -> Behaviour:
    """A byte now and then, never so late that a single read would time out."""

    def behave(connection: socket.socket, _: Request) -> None:
        closed = threading.Event()
        for byte in text:
            connection.sendall(bytes([byte]))
            closed.wait(0.02)

    return behave


dribbled_head = dribble(b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 1000)
dribbled_body = dribble(b"HTTP/1.1 200 OK\r\n\r\n" + b"." * 10_000)


def _context(certificate: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _read(connection: socket.socket) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(connection)
    return Request(line, headers, body)


def _some(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise ConnectionError("gone")
    return piece
