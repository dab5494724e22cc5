"""Job tokens: they open one job's stream, events and downloads, for a time, and nothing else."""

import re
from datetime import UTC, datetime
from typing import Any

import m3u8
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs.accounts import key_store
from mediajobs.accounts.key_store import KeyRow
from tests.integration.http_api.test_playback import JOB, RENDITION, SHEETS, SOUND, completed
from tests.support.aws_calls import calls
from tests.support.clocks import Clock
from tests.support.functions import load
from tests.support.http_api import Ask
from tests.support.jobs import create_job

load("api")
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on

pytestmark = pytest.mark.usefixtures("cloud")
DOWNLOADS = ("360p", "transcript_vtt", "source")
OPEN = (
    f"/stream/{JOB}/master.m3u8",
    f"/stream/{JOB}/360p/playlist.m3u8",
    f"/stream/{JOB}/360p/iframes.m3u8",
    f"/stream/{JOB}/captions/de.m3u8",
    f"/stream/{JOB}/storyboard.vtt",
    f"/events/{JOB}/progress",
    *(f"/jobs/{JOB}/download/{output}" for output in DOWNLOADS),
)


@pytest.fixture
def token(ask: Ask, clock: Clock) -> str:
    completed([RENDITION, SOUND, *SHEETS])
    return made(ask)


def made(ask: Ask, seconds: int | None = None, job_id: str = JOB, key: str | None = None) -> str:
    body = None if seconds is None else {"expires_in": seconds}
    return str(ask("POST", f"/jobs/{job_id}/tokens", body, key=key, status=201).json_body["token"])


def shown(ask: Ask, path: str, token: str) -> Any:
    return ask("GET", path, query={"token": token}, key="")


def test_a_token_lasts_an_hour_unless_asked_otherwise(ask: Ask, clock: Clock) -> None:
    job_id = create_job().job_id
    for body, seconds in ((None, 3600), ({}, 3600), ({"expires_in": 60}, 60), ({"expires_in": 86400.0}, 86400)):
        answer = ask("POST", f"/jobs/{job_id}/tokens", body, status=201)
        assert set(answer.json_body) == {"token", "expires_at"}
        expires = datetime.fromisoformat(answer.json_body["expires_at"])
        assert expires == datetime.fromtimestamp(clock.seconds + seconds, UTC)
        assert answer.headers["Cache-Control"] == "no-store"
    for wrong in (59, 86401, -1, 0, 1.5, "60", True, None, 10**30):
        ask("POST", f"/jobs/{job_id}/tokens", {"expires_in": wrong}, status=422)


def test_only_the_owner_makes_one_and_only_with_a_key(ask: Ask, token: str) -> None:
    ask("POST", f"/jobs/{JOB}/tokens", key=key_store.create("zeta"), status=403)
    ask("POST", "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAW/tokens", status=404)
    ask("POST", f"/jobs/{JOB}/tokens", query={"token": token}, key="", status=401)


@pytest.mark.parametrize("path", OPEN)
def test_it_opens_every_part_of_its_job_until_it_expires(ask: Ask, clock: Clock, token: str, path: str) -> None:
    assert shown(ask, path, token).status_code in (200, 302)
    clock.advance(seconds=3599)
    assert shown(ask, path, token).status_code in (200, 302)
    clock.advance(seconds=1)
    answer = shown(ask, path, token)
    assert (answer.status_code, answer.json_body["type"]) == (401, "urn:mediajobs:problem:token-expired")
    assert "/tokens" in answer.json_body["detail"]
    assert "RateLimit" not in answer.headers


def test_it_opens_no_other_route(ask: Ask, token: str) -> None:
    opened = {re.sub(JOB, "{job_id}", path) for path in OPEN}
    checked = 0
    for route in route_table.all_routes():
        path = re.sub(r"\{(\w+)\}", JOB, route.path)
        is_open = route.token or route.key != "header"
        if not is_open:
            answer = ask(route.method, path, query={"token": token}, key="")
            assert answer.status_code == 401, route.path
            checked += 1
    assert checked > 20
    assert {path for path in opened if "{job_id}" in path} == opened


def test_it_does_not_open_another_job_of_the_same_account_nor_a_strangers(ask: Ask, token: str) -> None:
    other = create_job(job_id="01ARZ3NDEKTSV4RRFFQ69G5FAW").job_id
    theirs = create_job(job_id="01ARZ3NDEKTSV4RRFFQ69G5FAX", account="zeta").job_id
    for path in OPEN:
        for job_id in (other, theirs):
            assert shown(ask, path.replace(JOB, job_id), token).status_code == 403, path
        assert shown(ask, path.replace(JOB, "01ARZ3NDEKTSV4RRFFQ69G5FAY"), token).status_code == 404
        assert shown(ask, path.replace(JOB, "nothing"), token).status_code == 404


def test_it_dies_with_the_key_that_made_it_at_once(ask: Ask, clock: Clock) -> None:
    completed([RENDITION, SOUND, *SHEETS])
    key = key_store.create("acme")
    token, other = made(ask, key=key), made(ask)
    assert shown(ask, OPEN[0], token).status_code == 200
    key_store.revoke(key.split("_")[1])
    for path in OPEN:
        assert shown(ask, path, token).status_code == 401
        assert shown(ask, path, other).status_code in (200, 302)
    KeyRow(ask.key.split("_")[1]).delete()
    assert shown(ask, OPEN[0], other).status_code == 401


def test_requests_with_it_count_against_the_key_that_made_it(ask: Ask, clock: Clock) -> None:
    completed([RENDITION, SOUND, *SHEETS])
    key = key_store.create("acme", requests_per_minute=4)
    token = made(ask, key=key)
    assert [shown(ask, OPEN[0], token).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = shown(ask, OPEN[0], token)
    assert answer.headers["RateLimit-Policy"] == '"default";q=4;w=60'
    assert int(answer.headers["Retry-After"]) == 60
    clock.advance(seconds=60)
    (day,) = ask("GET", "/usage", key=key).json_body["requests"]["by_day"]
    assert day["by_route"]["GET /stream/{job_id}/master.m3u8"] == {"2xx": 3}


def test_it_costs_what_a_key_costs_and_a_wrong_one_nothing(ask: Ask, token: str) -> None:
    path = f"/events/{JOB}/progress"
    shown(ask, path, token)
    with calls() as by_token:
        shown(ask, path, token)
    with calls() as by_key:
        ask("GET", path)
    assert by_token == by_key == ["UpdateItem", "TransactGetItems"]
    with calls() as sent:
        shown(ask, path, token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert sent == []


def test_playlists_link_their_children_with_the_credential_that_the_request_came_with(ask: Ask, token: str) -> None:
    for query in (f"?token={token}", f"?api_key={ask.key}"):
        found = m3u8.loads(ask("GET", f"/stream/{JOB}/master.m3u8{query}", key="", status=200).body.decode())
        uris = [entry.uri for entry in (*found.playlists, *found.iframe_playlists, *found.media)]
        assert len(uris) == 4
        for uri in uris:
            assert uri.endswith(query)
            assert uri.count("?") == 1
            ask("GET", f"/stream/{JOB}/{uri}", key="", status=200)
    by_header = ask("GET", f"/stream/{JOB}/master.m3u8?token=other", status=200).body.decode()
    assert "token" not in by_header


def test_no_child_of_a_playlist_or_storyboard_has_a_credential_of_ours(ask: Ask, token: str) -> None:
    for path in OPEN[1:5]:
        assert token not in shown(ask, path, token).body.decode()


def test_a_token_beats_a_key_in_the_query_and_a_header_beats_both(ask: Ask, token: str) -> None:
    bad = {"token": "mjt1.x", "api_key": ask.key}
    ask("GET", OPEN[0], query=bad, key="", status=401)
    ask("GET", OPEN[0], query={"token": token, "api_key": "mj_bad"}, key="", status=200)
    ask("GET", OPEN[0], query=bad, status=200)
    ask("GET", OPEN[0], query={"token": token}, key="mj_bad", status=401)
    ask("GET", f"/jobs/{JOB}/download/360p", query={"api_key": ask.key}, key="", status=401)


def test_the_same_idempotency_key_gives_the_same_token(ask: Ask, clock: Clock) -> None:
    job_id = create_job().job_id
    first = ask("POST", f"/jobs/{job_id}/tokens", {}, headers={"Idempotency-Key": "k"}, status=201)
    clock.advance(seconds=30)
    second = ask("POST", f"/jobs/{job_id}/tokens", {}, headers={"Idempotency-Key": "k"}, status=201)
    assert second.json_body == first.json_body
    assert second.headers["Idempotency-Replayed"] == "true"
    third = ask("POST", f"/jobs/{job_id}/tokens", {"expires_in": 61}, headers={"Idempotency-Key": "k"})
    assert third.status_code == 422


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
def test_any_other_text_is_401_and_never_a_crash(ask: Ask, text: str) -> None:
    for attempt in (text, f"mjt1.{text}", f"mjt1.AAAAAAAAAAAA.{JOB}.9999999999.{text}"):
        answer = ask("GET", f"/events/{JOB}/progress", query={"token": attempt}, key="")
        assert answer.status_code == 401
        assert answer.json_body["detail"]
