"""The log says who asked for what, from where, and with which result: enough to find out what happened."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mediajobs.accounts import key_store
from mediajobs.accounts.api_keys import assemble_key
from mediajobs.jobs import job_store
from tests.integration.http_api.test_playback import JOB, RENDITION, SHEETS, SOUND, completed
from tests.support.clocks import Clock
from tests.support.functions import load
from tests.support.http_api import Ask
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAW"


class Log:
    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def last(self) -> dict[str, Any]:
        return [line for line in self.lines if line["message"] == "request"][-1]


@pytest.fixture
def log() -> Iterator[Log]:
    handler, stream = load("api").logger.handlers[0], io.StringIO()
    before = handler.setStream(stream)
    yield Log(stream)
    handler.setStream(before)


def who(key: str, account: str | None = "acme") -> dict[str, Any]:
    return {"key_id": key.split("_")[1], "account": account}


def test_each_kind_of_answer_leaves_a_line_that_says_whose_it_was(
    ask: Ask, log: Log, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    job_id = create_job().job_id
    stranger, tight, revoked = (key_store.create(name, requests_per_minute=1) for name in ("zeta", "acme", "acme"))
    forged = assemble_key(ask.key.split("_")[1], "x" * 32)
    key_store.revoke(revoked.split("_")[1])
    ask("GET", "/jobs", key=tight)
    route = "GET /jobs/{job_id}"
    for path, key, status, expected in (
        (f"/jobs/{job_id}", ask.key, 200, who(ask.key) | {"route": route}),
        (f"/jobs/{job_id}", stranger, 403, who(stranger, "zeta") | {"route": route}),
        (f"/jobs/{UNKNOWN}", ask.key, 404, who(ask.key) | {"route": route}),
        ("/jobs?page=x", ask.key, 422, who(ask.key) | {"route": "GET /jobs", "path": "/jobs"}),
        ("/jobs", tight, 429, who(tight)),
        ("/jobs", forged, 401, who(forged, None)),
        ("/jobs", revoked, 401, who(revoked, None)),
        ("/jobs", assemble_key("U" * 12, "x" * 32), 401, {"key_id": "U" * 12, "account": None}),
        ("/jobs", "mj_typo", 401, {"key_id": None, "account": None}),
        ("/jobs", "", 401, {"key_id": None, "account": None}),
    ):
        answer = ask("GET", path, key=key, status=status)
        line = log.last()
        assert line["status"] == status
        assert line["method"] == "GET"
        assert line["request_id"] == answer.headers["X-Request-Id"]
        assert line["source_ip"] == "127.0.0.1"
        assert isinstance(line["latency_ms"], int)
        assert line["path"] == path.partition("?")[0]
        assert {name: line.get(name) for name in expected} == expected, (path, status, line)


def test_failures_of_the_service_leave_one_too(ask: Ask, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ClientError({"Error": {"Code": "InternalServerError", "Message": "busy"}}, "GetItem")
    for error, status in ((ZeroDivisionError(), 500), (refused, 503)):

        def fail(*_: Any, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(job_store, "get_with_progress", fail)
            ask("GET", f"/jobs/{UNKNOWN}", status=status)
        assert (who(ask.key) | {"status": status}).items() <= log.last().items()
    assert "ZeroDivisionError" in log.text  # with where it was


def test_a_token_is_logged_as_the_key_that_made_it(ask: Ask, log: Log, clock: Clock) -> None:
    job_id = create_job().job_id
    token = ask("POST", f"/jobs/{job_id}/tokens", status=201).json_body["token"]
    path = f"/events/{job_id}/progress"
    ask("GET", path, query={"token": token}, key="", status=200)
    assert (who(ask.key) | {"route": "GET /events/{job_id}/progress"}).items() <= log.last().items()
    clock.advance(seconds=3600)
    ask("GET", path, query={"token": token}, key="", status=401)
    assert (log.last()["key_id"], "account" in log.last()) == (ask.key.split("_")[1], False)


def test_no_line_has_a_secret_a_token_or_a_presigned_url(ask: Ask, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    completed([RENDITION, SOUND, *SHEETS])
    token = ask("POST", f"/jobs/{JOB}/tokens", status=201).json_body["token"]
    webhook = ask("POST", "/webhooks", {"url": "https://example.com/hook"}, status=201).json_body["secret"]
    upload = ask("POST", "/jobs", {"filename": "a.mp4"}, status=201).json_body["upload"]["url"]
    forged = assemble_key("U" * 12, "x" * 32)
    for path, key in (
        (f"/stream/{JOB}/master.m3u8?token={token}", ""),
        (f"/stream/{JOB}/master.m3u8?api_key={ask.key}", ""),
        (f"/events/{JOB}/progress?api_key={forged}", ""),
        (f"/jobs/{JOB}/download/360p", None),
        (f"/stream/{JOB}/360p/playlist.m3u8", None),
        (f"/jobs/{ask.key}", None),  # clients write keys and tokens where they do not belong
        (f"/jobs/{token}?token={token}", None),
        (f"/nowhere/{ask.key}/{forged}", None),
        (f"/webhooks/{webhook}", None),
        (f"/jobs?api_key={ask.key}&token={token}", None),
    ):
        ask("GET", path, key=key)

    def fail(*_: Any) -> None:
        raise RuntimeError(f"could not GET {upload} with {ask.key} for ?token={token}")

    monkeypatch.setattr(job_store, "get_with_progress", fail)
    ask("GET", f"/jobs/{JOB}", status=500)
    signature = upload.partition("X-Amz-Signature=")[2].partition("&")[0]
    assert len(signature) == 64
    for secret in (ask.key.split("_")[2], forged.split("_")[2], token.rpartition(".")[2], webhook, signature):
        assert secret not in log.text
    assert "could not GET" in log.text
