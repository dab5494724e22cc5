"""What holds for every call, seen from outside: rate limits, repeated POSTs, compression, other origins."""

import gzip
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests

from infra.local import Stack
from tests.e2e.conftest import Api, caller
from tests.support.waiting import HANG_SECONDS

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def keys(stack: Stack, *arguments: str) -> str:
    """What `mediajobs keys …` prints."""
    command = [sys.executable, "-c", "from infra.cli.main import app; app()", "keys", *arguments]
    done = subprocess.run(
        command, env=stack.environment, capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )
    return done.stdout


def test_fifty_at_once_against_a_limit_of_twenty_pass_exactly_twenty(stack: Stack) -> None:
    small = caller(stack, "small", 20)
    with ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: small.ask("GET", f"/jobs/{UNKNOWN}"), range(50)))
    assert sorted(answer.status_code for answer in answers) == [404] * 20 + [429] * 30
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["type"].endswith("quota-exceeded")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"] == f'"default";r=0;t={refused.headers["Retry-After"]}'


def test_a_key_that_is_revoked_on_the_command_line_opens_nothing_from_then_on(stack: Stack) -> None:
    leaked = caller(stack, "small", 5)
    key_id = leaked.key.split("_")[1]
    assert key_id in keys(stack, "list", "--account", "small")
    keys(stack, "limit", key_id, "6")
    assert leaked.ask("GET", "/jobs/none").headers["RateLimit-Policy"] == '"default";q=6;w=60'
    keys(stack, "revoke", key_id)
    assert leaked.ask("GET", "/jobs/none").status_code == 401
    assert "revoked" in keys(stack, "list", "--account", "small")


def test_redirects_and_unchanged_documents_tell_the_limit_too(api: Api) -> None:
    job_id = api.create(filename="a.mp4")["job_id"]
    first = api.ask("GET", f"/jobs/{job_id}")
    unchanged = api.ask("GET", f"/jobs/{job_id}", headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.status_code == 304
    assert unchanged.headers["RateLimit-Policy"] == '"default";q=10000;w=60'


def test_a_post_that_is_sent_again_makes_nothing_new(api: Api) -> None:
    first, second = (
        api.ask("POST", "/jobs", json={"filename": "a.mp4"}, headers={"Idempotency-Key": "e2e-1"}) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    other = api.ask("POST", "/jobs", json={"filename": "b.mp4"}, headers={"Idempotency-Key": "e2e-1"})
    assert other.status_code == 422


def test_what_is_long_is_compressed_for_whoever_accepts_it(api: Api) -> None:
    plain, accepting = raw(api, "/openapi.json", "identity"), raw(api, "/openapi.json", "br, gzip;q=0.8")
    assert "content-encoding" not in plain[0]
    assert accepting[0]["content-encoding"] == "gzip"
    assert gzip.decompress(accepting[1]) == plain[1]
    assert len(accepting[1]) < len(plain[1]) / 2
    assert int(accepting[0]["content-length"]) == len(accepting[1])
    assert accepting[0]["vary"] == plain[0]["vary"] == "Accept-Encoding"
    assert "content-encoding" not in raw(api, "/health", "gzip")[0]
    assert "content-encoding" not in raw(api, "/openapi.json", "gzip;q=0")[0]


def test_a_preflight_from_another_origin_passes(api: Api) -> None:
    asked = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,idempotency-key,x-api-key",
    }
    answer = requests.options(f"{api.url}/jobs", headers=asked, timeout=HANG_SECONDS)
    assert answer.ok
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(",")
    assert {"content-type", "idempotency-key", "x-api-key", "if-none-match"} <= set(allowed)


@pytest.mark.parametrize(
    ("path", "status", "allowed"),
    [("/health", 200, None), ("/jobs", 405, "GET, POST"), ("/", 405, "GET"), ("/nowhere", 404, None)],
)
def test_head_is_answered_without_a_body(api: Api, path: str, status: int, allowed: str | None) -> None:
    answer = requests.head(f"{api.url}{path}", timeout=HANG_SECONDS)
    assert (answer.status_code, answer.headers.get("Allow"), answer.content) == (status, allowed, b"")
    assert answer.headers["X-Request-Id"]


def test_an_unknown_path_has_what_every_answer_has(api: Api) -> None:
    answer = api.ask("GET", "/nowhere")
    assert answer.status_code == 404
    assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["X-Request-Id"]


def raw(api: Api, path: str, accept_encoding: str) -> tuple[dict[str, str], bytes]:
    """Headers, in lower case, and body as they came, without a client that unpacks."""
    place = urlsplit(api.url)
    assert place.hostname is not None
    connection = HTTPConnection(place.hostname, place.port, timeout=HANG_SECONDS)
    connection.request("GET", place.path + path, headers={"X-API-Key": api.key, "Accept-Encoding": accept_encoding})
    answer = connection.getresponse()
    headers, body = {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return headers, body
