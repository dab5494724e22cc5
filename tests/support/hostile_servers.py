"""What hostile servers answer, one trick each, as behaviours of `webhook_receivers.receiver`."""

import gzip
import socket
import threading
from collections.abc import Iterable

from tests.support.webhook_receivers import Behaviour, Request

_HEAD = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def says(*pieces: bytes) -> Behaviour:
    """Sends these and ends the connection."""

    def behave(connection: socket.socket, _: Request) -> None:
        connection.sendall(b"".join(pieces))

    return behave


def repeats(beginning: bytes, piece: bytes, *, pause: float = 0.0) -> Behaviour:
    """Sends a beginning, and then a piece again and again until the client leaves. `pause` in seconds."""

    def behave(connection: socket.socket, _: Request) -> None:
        connection.sendall(beginning)
        never = threading.Event()
        while True:
            connection.sendall(piece)
            if pause:
                never.wait(pause)

    return behave


def drips(beginning: bytes, piece: bytes) -> Behaviour:
    """A little now and then, far below any time-out of a single read."""
    return repeats(beginning, piece, pause=0.02)


def waits_and_says(pause: float, text: bytes) -> Behaviour:
    def behave(connection: socket.socket, _: Request) -> None:
        threading.Event().wait(pause)
        connection.sendall(text)

    return behave


def redirects(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def with_length(length: str, body: bytes) -> bytes:
    return _HEAD + f"Content-Length: {length}\r\n\r\n".encode() + body


def zipped_zeros(size: int) -> bytes:
    return gzip.compress(bytes(size))


def chunks(pieces: Iterable[bytes]) -> bytes:
    return _CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


ZIPPED = zipped_zeros(64 << 20)
# Those that keep a client waiting: each sends often enough for any time-out of a single read.
SLOW: dict[str, Behaviour] = {
    "a head by the byte": drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "100 Continue now and then": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a header line now and then": drips(_HEAD, b"X-A: a\r\n"),
    "a status line by the byte": drips(b"HTTP/1.1 200 ", b"O"),
}
SLOW_BODIES: dict[str, Behaviour] = {
    "a body by the byte": drips(with_length("1000000", b""), b"."),
    "a body of unknown length by the byte": drips(_HEAD + b"\r\n", b"."),
    "chunks of a byte": drips(_CHUNKED, b"1\r\n.\r\n"),
    "a chunk extension by the byte": drips(_CHUNKED + b"1;a=", b"a"),
    "a chunk size by the byte": drips(_CHUNKED, b"0"),
    "a trailer line now and then": drips(_CHUNKED + b"1\r\n.\r\n0\r\n", b"X-A: a\r\n"),
    "silence": drips(_HEAD + b"\r\n", b""),
}
# Those that send as much as the line takes.
FLOODS: dict[str, Behaviour] = {
    "100 Continue for ever": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "header lines for ever": repeats(_HEAD, b"X-A: a\r\n" * 1000),
    "a header of 10 MB": says(_HEAD, b"X-A: ", b"a" * 10_000_000, b"\r\n\r\n"),
    "99 headers of 60 KB": says(_HEAD, (b"X-A: " + b"a" * 60_000 + b"\r\n") * 99, b"\r\n"),
    "a status line of 10 MB": says(b"HTTP/1.1 200 ", b"O" * 10_000_000),
    "HTTP/0.9": says(b"the film itself\n" * 10),
    "another protocol": says(b"220 mail.example ESMTP\r\n"),
    "a status that is no number": says(b"HTTP/1.1 OK 200\r\n\r\n"),
    "two lengths": says(with_length("5\r\nContent-Length: 7", b"12345")),
}
FLOODED_BODIES: dict[str, Behaviour] = {
    "a chunk extension for ever": repeats(_CHUNKED + b"1;a=", b"a" * 65536),
    "trailers for ever": repeats(_CHUNKED + b"1\r\n.\r\n0\r\n", b"X-A: a\r\n" * 1000),
    "a chunk size that is no number": says(_CHUNKED, b"film\r\n"),
    "chunks that end before the last": says(chunks([b"half of"])),
    "fewer bytes than announced": says(with_length("100", b"half of")),
}
