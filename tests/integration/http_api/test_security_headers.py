"""No answer lets a browser guess, frame, leak or keep what it should not."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from chalice.test import HTTPResponse
from hypothesis import example, given
from hypothesis import strategies as st

from mediajobs.accounts import key_store
from mediajobs.media.outputs import DOWNLOADS, FILES
from mediajobs.storage.bucket_store import content_disposition
from mediajobs.storage.object_keys import source_key
from tests.integration.http_api.test_every_route import ROUTES, Account, accounts, told
from tests.integration.http_api.test_playback import JOB, RENDITION, SHEETS, SOUND, completed, stored
from tests.support.http_api import Ask

__all__ = ["accounts"]
pytestmark = pytest.mark.usefixtures("cloud")
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


def check(answer: HTTPResponse, what: str) -> None:
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff", what
    assert headers["Referrer-Policy"] == "no-referrer", what
    assert headers["Strict-Transport-Security"] == "max-age=31536000", what
    is_page = headers.get("Content-Type", "").startswith("text/html")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy, what
    assert "frame-ancestors 'none'" in policy, what
    assert "unsafe" not in policy, what
    assert is_page or policy == DATA_POLICY, what
    assert headers["Cross-Origin-Resource-Policy"] == ("same-origin" if is_page else "cross-origin"), what
    assert headers["Access-Control-Allow-Origin"] == "*", what


def test_every_route_has_them_whoever_asks(accounts: Account) -> None:
    stranger = key_store.create("zeta", requests_per_minute=1000)
    for route in ROUTES:
        for key in (None, stranger, accounts.mine):
            answer = accounts.ask(route, key)
            check(answer, told(route, answer))
            assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401), told(route, answer)


def test_what_needs_a_key_is_not_kept_by_caches(accounts: Account) -> None:
    kept = []
    for route in (route for route in ROUTES if route.key):
        answer = accounts.ask(route, accounts.mine)
        if answer.headers["Cache-Control"] != "no-store":
            kept.append((route.path, answer.headers["Cache-Control"]))
    assert kept == [("/jobs/{job_id}", "private, no-cache")]  # the one that has an ETag


def test_the_docs_page_runs_nothing_and_its_own_style_alone(ask: Ask) -> None:
    answer = ask("GET", "/docs", key="", status=200)
    html = answer.body.decode()
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    directives = [part.strip() for part in answer.headers["Content-Security-Policy"].split(";")]
    assert f"style-src 'sha256-{digest}'" in directives
    assert directives[0] == "default-src 'none'"
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(directives)
    found: list[str] = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend([tag, *(name for name, _ in attrs)])

    Finder().feed(html)
    assert not {"script", "style=", "img", "iframe", "link"} & set(found)
    assert not [name for name in found if name == "style" and found.count("style") > 1]
    assert not [name for name in found if name.startswith("on")]


def test_a_source_that_calls_itself_a_page_is_served_as_bytes(ask: Ask) -> None:
    completed([RENDITION, SOUND, *SHEETS])
    page = b"<script>alert(1)</script>"
    boto3.client("s3").put_object(Bucket="media", Key=source_key(JOB), Body=page, ContentType="text/html")
    url = urlsplit(ask("GET", f"/jobs/{JOB}/download/source", status=302).headers["Location"])
    query = parse_qs(url.query)
    assert query["response-content-type"] == ["application/octet-stream"]
    assert query["response-content-disposition"][0].startswith("attachment; ")
    assert "X-Amz-Signature" in query


def test_every_download_has_a_type_of_ours_and_is_saved(ask: Ask) -> None:
    completed([RENDITION, SOUND, *SHEETS, stored("720p"), stored("audio"), stored("thumbnail")])
    for output in DOWNLOADS:
        answer = ask("GET", f"/jobs/{JOB}/download/{output}")
        if answer.status_code == 302:
            query = parse_qs(urlsplit(answer.headers["Location"]).query)
            expected = FILES[output].content_type if output in FILES else "application/octet-stream"
            assert query["response-content-type"] == [expected]
            assert query["response-content-disposition"][0].startswith('attachment; filename="')
            assert answer.headers["Cache-Control"] == "no-store"


@given(st.text())
@example('a"; filename="x.html')
@example("\u202e4pm.exe\r\nSet-Cookie: a=b")
def test_a_name_cannot_leave_its_place_in_the_header(name: str) -> None:
    text = content_disposition(name)
    match = re.fullmatch(r"attachment; filename=\"([^\"\\%;/]*)\"; filename\*=UTF-8''([A-Za-z0-9_.~%-]+)", text)
    assert match is not None, text
    assert text.isascii()
    assert text.isprintable()
