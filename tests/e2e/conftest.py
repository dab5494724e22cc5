"""One stack for all end-to-end tests, and a client of its API that knows nothing but the contract."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from infra.cli.main import app
from infra.local import Stack, down, up
from tests.support.waiting import HANG_SECONDS

DEMO = Path(__file__).parents[1] / "media" / "demo" / "speech.mp4"
TERMINAL = ("completed", "failed", "cancelled")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WORKER_SIGN_SECONDS", "1")  # a worker that is stopped is missed soon
        try:
            yield up(0, home)
        finally:
            down(home)


@dataclass(frozen=True)
class Api:
    url: str
    key: str

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"X-API-Key": self.key} | options.pop("headers", {})
        return requests.request(
            method, self.url + path, headers=headers, timeout=HANG_SECONDS, allow_redirects=False, **options
        )

    def create(self, **fields: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/jobs", json=fields)
        assert answer.status_code in (201, 202), answer.text
        created: dict[str, Any] = answer.json()
        return created

    def submit(self, path: Path, **fields: Any) -> str:
        """Uploads a file as the answer says, and gives the job's id."""
        created = self.create(filename=path.name, size_bytes=path.stat().st_size, **fields)
        self.upload(path, created)
        return str(created["job_id"])

    def upload(self, path: Path, created: dict[str, Any]) -> None:
        upload = created["upload"]
        with path.open("rb") as body:
            answer = requests.put(upload["url"], data=body, headers=upload["headers"], timeout=HANG_SECONDS)
        assert answer.ok, answer.text

    def document(self, job_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def watch(
        self, job_id: str, until: Callable[[dict[str, Any]], bool] | None = None, seconds: float = HANG_SECONDS
    ) -> list[dict[str, Any]]:
        """Every different document up to the one that is wanted, or else the last."""
        wanted = until or (lambda document: document["status"] in TERMINAL)
        seen: list[dict[str, Any]] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            document = self.document(job_id)
            if not seen or document != seen[-1]:
                seen.append(document)
            if wanted(document):
                return seen
            time.sleep(0.1)
        raise AssertionError(f"not reached in {seconds} s; the last document: {seen[-1]}")

    def finish(self, job_id: str) -> dict[str, Any]:
        """The document of the completed job."""
        document = self.watch(job_id)[-1]
        assert document["status"] == "completed", document["error"]
        return document

    def download(self, job_id: str, output: str) -> bytes:
        answer = self.ask("GET", f"/jobs/{job_id}/download/{output}")
        assert answer.status_code == 302, answer.text
        return requests.get(answer.headers["Location"], timeout=HANG_SECONDS).content


def caller(stack: Stack, account: str, limit: int = 10_000) -> Api:
    """Somebody of this account, with a key of their own for `limit` requests a minute."""
    code = (
        f"from mediajobs.accounts import key_store; print(key_store.create({account!r}, requests_per_minute={limit}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    return Api(stack.api_url, done.stdout.strip())


@pytest.fixture(scope="session")
def api(stack: Stack) -> Api:
    assert stack.api_key is not None
    return Api(stack.api_url, stack.api_key)


@pytest.fixture
def command_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `mediajobs` with these arguments, as the caller of `api`."""
    monkeypatch.setenv("MEDIAJOBS_API_URL", stack.api_url)
    monkeypatch.setenv("MEDIAJOBS_API_KEY", stack.api_key or "")
    return lambda *arguments: CliRunner().invoke(app, list(arguments))
