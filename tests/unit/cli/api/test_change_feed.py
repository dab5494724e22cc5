"""What a watcher hears, and what it turns to where nothing is to be heard: played by real servers."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from infra.cli.api import change_feed
from infra.cli.api.client import Client

JOB = "01JDP1AYED0000000000000000"
SUBSCRIBED = {"action": "subscribe", "job_ids": [JOB]}
FRAME = json.dumps({"event": "progress", "data": {}})


class Events(BaseHTTPRequestHandler):
    """Answers with one text after another; then there is no such address any more."""

    texts: list[str]
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Last-Event-ID"]))
        text = self.texts.pop(0) if self.texts else None
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Length", str(len(text or "")))
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def api(*texts: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Its address, and what it was asked."""
    door = type("Door", (Events,), {"texts": list(texts), "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", door.asked  # type: ignore[attr-defined]
        server.shutdown()


@contextmanager
def socket(*says: str, stays: bool = False) -> Iterator[tuple[str, list[Any]]]:
    """Its address, and what it heard: keys and messages. It hangs up once all is said, unless it `stays`."""
    heard: list[Any] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        heard.append(connection.request.headers.get("X-API-Key"))
        heard.append(json.loads(connection.recv()))
        for text in says:
            connection.send(text)
        if stays:
            over.wait()

    over = threading.Event()
    with serve(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", heard
        over.set()
        server.shutdown()


def hear(client: Client, count: int) -> int:
    with closing(change_feed.change_signals(client, JOB)) as ticks:
        return len(list(islice(ticks, count)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_feed, "POLL_SECONDS", 0.01)


def test_first_its_socket_then_events_then_every_second() -> None:
    said = ["retry: 1\nid: 7\nevent: progress\ndata: {}\n\n", "retry: 1\n\n", "retry: 1\nid: 8\nevent: progress\n\n"]
    with socket(FRAME, FRAME) as (ws_url, heard), api(*said) as (url, asked):
        assert hear(Client(url, "mj_k", ws_url), 2 + 2 + 1) == 5
    assert heard == ["mj_k", SUBSCRIBED]
    path = f"/events/{JOB}/progress"
    assert asked == [(path, None), (path, "7"), (path, "7"), (path, "8")]


def test_where_there_is_no_socket_events_tell() -> None:
    with api("retry: 1\nid: 7\n\n") as (url, asked):
        assert hear(Client(url, "mj_k"), 1) == 1
        assert hear(Client(url, "mj_k", "ws://127.0.0.1:1"), 1) == 1
    assert len(asked) == 2


@pytest.mark.parametrize("said", ['{"event": "error", "data": {"error": "unknown_job"}}', "no JSON"])
def test_a_socket_that_refuses_is_left(said: str) -> None:
    with socket(said) as (ws_url, _), api("retry: 1\nid: 7\n\n") as (url, asked):
        assert hear(Client(url, "mj_k", ws_url), 1) == 1
    assert len(asked) == 1


def test_a_socket_that_says_something_else_is_a_reason_to_look() -> None:
    with socket("[]", '"x"', '{"message": "Internal server error"}') as (ws_url, _), api() as (url, asked):
        assert hear(Client(url, "mj_k", ws_url), 3) == 3
    assert asked == []


def test_after_a_long_silence_one_looks_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_feed, "MAX_SILENCE_SECONDS", 0.02)
    with socket(stays=True) as (ws_url, _), api() as (url, asked):
        assert hear(Client(url, "mj_k", ws_url), 3) == 3
    assert asked == []
