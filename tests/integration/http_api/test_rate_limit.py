"""Rate limits through the API's real handler: exact, told truly, and at the price of one write."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalice.test import HTTPResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs.accounts import authentication_service, key_store
from mediajobs.accounts.key_store import KeyRow
from mediajobs.accounts.rate_limits import RateLimitExceeded, Window
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.timestamps import from_milliseconds
from tests.support.aws_calls import atomic_writes, calls
from tests.support.clocks import Clock
from tests.support.http_api import Ask

pytestmark = pytest.mark.usefixtures("cloud")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
UNKNOWN_JOB = f"/jobs/{UNKNOWN}"
TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def told(answer: HTTPResponse) -> tuple[int, int]:
    """r and t of the header RateLimit."""
    match = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert match is not None
    return int(match[1]), int(match[2])


def test_every_answer_to_a_key_tells_what_is_left(ask: Ask, clock: Clock) -> None:
    key = key_store.create("acme", requests_per_minute=7)
    answers = [
        ask("GET", UNKNOWN_JOB, key=key),
        ask("GET", "/jobs/none", key=key),
        ask("GET", f"/jobs/{UNKNOWN}/download/360p", key=key),
        ask("POST", "/jobs", key=key),
    ]
    answers.append(ask("POST", "/jobs", key=key, headers={"Content-Type": "application/xml"}))
    assert [answer.status_code for answer in answers] == [404, 404, 404, 400, 415]
    assert [told(answer) for answer in answers] == [(6, 60), (5, 60), (4, 60), (3, 60), (2, 60)]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"default";q=7;w=60'}


def test_a_crash_in_a_view_tells_it_too(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(job_id: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(job_store, "get_with_progress", crash)
    answer = ask("GET", UNKNOWN_JOB, key=key_store.create("acme"))
    assert answer.status_code == 500
    assert told(answer)[0] == 99


def test_who_shows_no_key_is_told_nothing_of_others(ask: Ask) -> None:
    ask("GET", UNKNOWN_JOB, key=key_store.create("acme"))
    for answer in (ask("GET", UNKNOWN_JOB, key="nonsense"), ask("GET", "/health", key="")):
        assert "RateLimit" not in answer.headers


def test_over_the_limit_is_429_until_the_window_is_over(ask: Ask, clock: Clock) -> None:
    key = key_store.create("acme", requests_per_minute=2)
    ask("GET", UNKNOWN_JOB, key=key)
    clock.milliseconds += 10_500
    assert told(ask("GET", UNKNOWN_JOB, key=key)) == (0, 50)
    for _ in range(3):  # refusals do not make the window longer
        clock.milliseconds += 10_000
        answer = ask("GET", UNKNOWN_JOB, key=key)
        assert answer.status_code == 429
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json_body["type"] == TYPE
        assert answer.json_body["violated-policies"] == ["default"]
        assert told(answer) == (0, int(answer.headers["Retry-After"]))
    clock.milliseconds += told(answer)[1] * 1000
    answer = ask("GET", UNKNOWN_JOB, key=key)
    assert (answer.status_code, told(answer)) == (404, (1, 60))


def test_limits_are_of_a_key_and_may_change_at_once(ask: Ask) -> None:
    one, two = (key_store.create("acme", requests_per_minute=1) for _ in range(2))
    assert [ask("GET", UNKNOWN_JOB, key=key).status_code for key in (one, two, one, two)] == [404, 404, 429, 429]
    key_store.set_rate_limit(one.split("_")[1], 3)
    assert [ask("GET", UNKNOWN_JOB, key=one).status_code for _ in range(3)] == [404, 404, 429]


def test_a_revoked_key_opens_nothing_even_in_the_middle_of_a_window(ask: Ask) -> None:
    key = key_store.create("acme", requests_per_minute=2)
    ask("GET", UNKNOWN_JOB, key=key)
    key_store.revoke(key.split("_")[1])
    before = KeyRow.get(key.split("_")[1]).revoked_at
    key_store.revoke(key.split("_")[1])
    assert KeyRow.get(key.split("_")[1]).revoked_at == before
    answer = ask("GET", UNKNOWN_JOB, key=key)
    assert answer.status_code == 401
    assert "RateLimit" not in answer.headers


@pytest.mark.parametrize("used", [0, 15])
def test_fifty_at_once_against_a_limit_of_twenty_pass_exactly_twenty(ask: Ask, used: int) -> None:
    key = key_store.create("acme", requests_per_minute=20)
    for _ in range(used):
        ask("GET", UNKNOWN_JOB, key=key)
    with atomic_writes(), ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: ask("GET", UNKNOWN_JOB, key=key), range(50)))
    passed = [told(answer)[0] for answer in answers if answer.status_code == 404]
    assert sorted(passed, reverse=True) == list(range(19 - used, -1, -1))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 30 + used
    assert {told(answer)[0] for answer in refused} == {0}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 4), waits=st.lists(st.sampled_from([0, 1, 999, 20_000, 59_999, 60_000]), max_size=15))
def test_the_headers_always_agree_with_what_happens_next(clock: Clock, limit: int, waits: list[int]) -> None:
    key = key_store.create("acme", requests_per_minute=limit)
    passed: list[int] = []
    seen, at = Window(limit, 0, 1), 0
    for wait in waits:
        clock.milliseconds += wait
        try:
            caller = authentication_service.by_key(key, "u2#GET /jobs")
        except RateLimitExceeded as refusal:
            assert seen.left == 0
            assert clock.milliseconds < at + seen.resets_in * 1000
            seen = refusal.window
        else:
            assert caller is not None
            assert caller.window is not None
            assert seen.left > 0 or clock.milliseconds > at + (seen.resets_in - 1) * 1000
            seen = caller.window
            passed.append(clock.milliseconds)
        at = clock.milliseconds
    for first, beyond in zip(passed, passed[2 * limit :], strict=False):
        assert beyond - first >= 60_000  # of any two windows in a row, the second begins a minute after the first


def test_a_request_costs_one_write_and_a_refusal_none(ask: Ask, clock: Clock) -> None:
    key = key_store.create("acme", requests_per_minute=2)
    stranger = key_store.create("acme")
    KeyRow(stranger.split("_")[1]).delete()
    moment = str(from_milliseconds(clock.milliseconds))
    job_store.create(
        Job(
            job_id=UNKNOWN,
            account="acme",
            status=Status.PENDING,
            filename="a.mp4",
            created_at=moment,
            updated_at=moment,
        )
    )
    for shown, wanted in (
        (key, ["GetItem", "UpdateItem", "TransactGetItems"]),  # the first in this process
        (key, ["UpdateItem", "TransactGetItems"]),
        (key, ["GetItem"]),  # over the limit
        (stranger, ["GetItem"]),  # unknown
        (stranger, []),
        ("mj_typo", []),
    ):
        with calls() as sent:
            ask("GET", UNKNOWN_JOB, key=shown)
        assert sent == wanted
    clock.advance(seconds=60)
    with calls() as sent:
        ask("GET", UNKNOWN_JOB, key=key)
    assert sent == ["UpdateItem", "TransactGetItems"]  # a new window costs no more


def test_two_that_begin_a_window_at_once_are_counted_in_one(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_store.create("acme", requests_per_minute=2)
    update = key_store._update
    other: list[Any] = []

    def slower(*arguments: Any) -> Any:
        if arguments[0] is key_store._BEGIN and not other:
            other.append(None)
            other[0] = authentication_service.by_key(key, "u2#GET /jobs")
        return update(*arguments)

    monkeypatch.setattr(key_store, "_update", slower)
    caller = authentication_service.by_key(key, "u2#GET /jobs")
    assert caller is not None
    assert caller.window is not None
    assert (other[0].window.left, caller.window.left) == (1, 0)
