"""The API as the contract describes it, played by a real HTTP server; S3 behind it, under /bucket."""

import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = "/restapis/a1/local"
KEY = "mj_played_key"
JOB_ID = "01JDP1AYED0000000000000000"
TASKS = ("validate_video", "transcode_360p", "transcode_720p", "transcribe_video", "upload_outputs")
MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000\n360p/playlist.m3u8\n"
MEDIA = b"#EXTM3U\n#EXTINF:6,\nhttp://s3/a\n#EXTINF:6,\nhttp://s3/b\n"
WORDS = "ask not what your country can do for you"


class FakeApi:
    """What it will answer, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.root = url
        self.url = f"{url}{ROOT}"  # an API's root may have a path
        self.states: list[dict[str, Any]] = [state("completed", 100)]
        self.part_size: int | None = None  # bytes of a part where uploads are multipart
        self.failures: dict[str, list[int]] = {}  # path -> statuses that come before the right answer
        self.retry_after = "0"  # seconds, where it is answered that one should come again
        self.break_after_first_look = False  # 503 for longer than one request is tried
        self.files = {name: name.encode() * 50 for name in ("360p", "audio", "transcript_srt")}
        self.files["transcript_txt"] = WORDS.encode()
        self.files["jobs.csv"] = "job_id,filename\r\n1,Über uns.mp4\r\n".encode()
        self.export_rounds: int | None = None  # how often an export is not ready yet; None: it is the answer itself
        self.announced: dict[str, int] = {}  # Content-Length that S3 lies about
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.queries: list[str] = []
        self.stored: dict[str, bytes] = {}
        self.health: dict[str, Any] = {}
        self.documents: dict[str, dict[str, Any]] = {}  # path -> what a GET of it gives

    def requests(self, method: str, ending: str) -> list[tuple[dict[str, str], bytes]]:
        return [(head, body) for verb, path, head, body in self.asked if verb == method and path.endswith(ending)]


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """As in a terminal: a shell's background job is started deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeApi]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.fake = FakeApi(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("MEDIAJOBS_API_URL", server.fake.url)  # type: ignore[attr-defined]
    monkeypatch.setenv("MEDIAJOBS_API_KEY", KEY)
    monkeypatch.setenv("MEDIAJOBS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("infra.cli.api.change_feed.POLL_SECONDS", 0.01)
    monkeypatch.setattr("infra.cli.api.client.BACKOFF_SECONDS", 0.01)
    yield server.fake  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


@pytest.fixture
def states() -> Any:
    return state


def state(status: str, percent: float, **more: Any) -> dict[str, Any]:
    """A job's document; task states by keyword: transcode_360p=("running", 40)."""
    tasks = {name: dict(zip(("status", "progress"), more.pop(name, ("pending", 0)), strict=True)) for name in TASKS}
    done = status == "completed"
    outputs = {
        "360p": {"available": done, "size_bytes": 200 if done else None, "compression_ratio": 5.0},
        "720p": {"available": False, "reason": "source is smaller than 720p"},
        "audio": {"available": done, "size_bytes": 250 if done else None},
        "transcription": {
            "available": done,
            "language": "en",
            "word_count": 9,
            "whisper_model": "base",
            "formats": {"txt": "/x", "srt": "/x", "vtt": None, "json": None} if done else {},
        },
        "hls": {"360p": {"available": done}, "master_url": f"/stream/{JOB_ID}/master.m3u8" if done else None},
    }
    progress = {"overall_progress": percent, "eta_seconds": None if done else 12, "tasks": tasks}
    source = {"filename": "talk.mp4", "size_bytes": 1000}
    told = {"job_id": JOB_ID, "status": status, "progress": progress, "source": source, "outputs": outputs}
    return told | {"error": None, "completed_at": None} | more


@pytest.fixture
def failed_job() -> dict[str, Any]:
    error = {"message": "The file holds no video.", "code": "no_media", "failed_task": "validate_video"}
    return state("failed", 0, validate_video=("failed", 10), error=error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def fake(self) -> FakeApi:
        return self.server.fake  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the base class)
        pass

    def _answer(self) -> None:
        api, path = self.fake, self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        api.queries.append(self.path.partition("?")[2])
        api.asked.append((self.command, path, {name.lower(): value for name, value in self.headers.items()}, body))
        if waiting := api.failures.get(path):
            self._problem(waiting.pop(0), "Not now", "Try later.")
        elif path.startswith("/bucket/"):
            self._bucket(path, body)
        elif path.endswith("/health/detailed"):
            self._send(200, api.health)
        elif self.headers.get("X-API-Key") != KEY:
            self._problem(401, "Unauthorized", "This key is not known.")
        elif self.command == "GET" and (document := api.documents.get(path.removeprefix(ROOT))):
            self._send(200, document)
        else:
            self._api(path.removeprefix(ROOT), body)

    def _api(self, path: str, body: bytes) -> None:
        if path == "/jobs":
            self._create(json.loads(body))
        elif path.startswith(("/jobs/retry", "/jobs/export", "/exports/")):
            self._many(path)
        elif self.command in ("PATCH", "DELETE") or path.endswith("/retry"):
            self._send(200, {"job_id": JOB_ID, "attempt": 2, "message": "It waits.", "files_deleted": 3})
        elif path.endswith(("/upload/complete", "/cancel")):
            self._send(200, {"job_id": JOB_ID, "status": "cancelled" if path.endswith("/cancel") else "queued"})
        elif path == f"/jobs/{JOB_ID}":
            self._job()
        elif "/download/" in path and (name := path.rpartition("/")[2]) in self.fake.files:
            self._send(302, headers={"Location": f"/bucket/outputs/{name}?X-Amz-Signature=abc"})
        elif path.startswith("/stream/"):
            self._send(200, MASTER if path.endswith("master.m3u8") else MEDIA)
        else:
            self._problem(404, "Not Found", f"There is nothing at {path}.")

    def _many(self, path: str) -> None:
        counts = {"matched": 3, "retried": 2, "refused": 1, "reasons": {"attempts_used": 1}, "continues": True}
        if path == "/jobs/retry":
            return self._send(202, counts)
        rounds = self.fake.export_rounds
        if rounds is None:
            return self._send(200, self.fake.files["jobs.csv"])
        if not rounds:
            return self._send(303, headers={"Location": "/bucket/exports/jobs.csv?X-Amz-Signature=abc"})
        self.fake.export_rounds = rounds - 1
        return self._send(202, {"export_id": "E1"}, headers={"Location": "/exports/E1", "Retry-After": "0"})

    def _create(self, wish: dict[str, Any]) -> None:
        if wish["filename"].endswith(".txt"):
            errors = [{"loc": ["body", "filename"], "msg": "not a video"}]
            return self._problem(422, "Validation failed", "The request is not valid.", errors=errors)
        created: dict[str, Any] = {"job_id": JOB_ID, "status": "pending"}
        if "source_url" in wish:
            return self._send(202, created | {"status": "queued"})
        return self._send(201, created | {"upload": self._upload(wish["size_bytes"])})

    def _upload(self, size: int) -> dict[str, Any]:
        api = self.fake
        address = f"{api.root}/bucket/sources/{JOB_ID}/source"
        if not api.part_size:
            headers = {"Content-Type": "video/mp4"}
            return {"method": "PUT", "url": f"{address}?X-Amz-Signature=abc", "headers": headers, "expires_at": "…"}
        starts = range(0, size, api.part_size)
        parts = [
            {"part_number": number, "url": f"{address}/{number}?sig=abc", "size": min(api.part_size, size - start)}
            for number, start in enumerate(starts, 1)
        ]
        return {"parts": parts, "part_size": api.part_size, "complete_url": f"/jobs/{JOB_ID}/upload/complete"}

    def _job(self) -> None:
        """The next state at every second look; a 304 in between."""
        etag = f'"{len(self.fake.states)}"'
        if self.fake.break_after_first_look:
            self.fake.break_after_first_look = False
            self.fake.failures[self.path] = [503] * 6
        if self.headers.get("If-None-Match") == etag:
            if len(self.fake.states) > 1:
                self.fake.states.pop(0)
            return self._send(304, headers={"ETag": etag})
        return self._send(200, self.fake.states[0], headers={"ETag": etag})

    def _bucket(self, path: str, body: bytes) -> None:
        if self.command == "PUT":
            self.fake.stored[path] = body
            return self._send(200, headers={"ETag": f'"{len(body)}"'})
        content = self.fake.files[path.rpartition("/")[2]]
        length = self.fake.announced.get(path.rpartition("/")[2], len(content))
        self._send(200, content, headers={"Content-Length": str(length)})
        if length != len(content):
            self.close_connection = True
        return None

    def _problem(self, status: int, title: str, detail: str, **more: Any) -> None:
        document = {"type": "about:blank", "title": title, "status": status, "detail": detail} | more
        headers = {"Content-Type": "application/problem+json"} | (
            {"Retry-After": self.fake.retry_after} if status in (409, 429) else {}
        )
        self._send(status, document, headers=headers)

    def _send(self, status: int, content: Any = b"", headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
