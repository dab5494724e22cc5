"""An HTTP server for a process's own children: it answers GET of one URL, on the loopback address."""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@contextlib.contextmanager
def serve(answer: Callable[[], Answer]) -> Iterator[str]:
    """Yields the URL that `answer` answers, each request in a thread of its own; any other gets 404.

    The path is a secret of 256 bits: other users of the host, and containers in its network, reach the port as well.
    """
    path = f"/{secrets.token_urlsafe(32)}"
    server = _Server(("127.0.0.1", 0), _handler(path, answer))
    threading.Thread(target=server.serve_forever, name="loopback-server", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(path: str, answer: Callable[[], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # seconds without a request, after which the connection is closed

        def do_GET(self) -> None:
            is_known = secrets.compare_digest(self.path.encode(), path.encode())
            status, headers, body = answer() if is_known else Answer(404, {})
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Logs nothing: the path is a secret."""

    return Handler
