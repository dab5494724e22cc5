"""An account has so many connections and no more, however they come and go."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs.live_progress import connection_limit_store, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from tests.integration.live_progress.test_websocket import WebSocketSystem, connections, created, sockets
from tests.support.aws_calls import atomic_writes, calls
from tests.support.clocks import Clock, stop_clock

__all__ = ["sockets"]
WRITES = {"UpdateItem", "PutItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_clock(monkeypatch)


@pytest.fixture(autouse=True)
def limit(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_ACCOUNT", "3")


def fill(sockets: WebSocketSystem) -> None:
    assert [sockets.connect(name) for name in "abc"] == [200] * 3


def test_one_more_than_the_limit_is_refused_and_told_why(sockets: WebSocketSystem) -> None:
    fill(sockets)
    event = {"queryStringParameters": {"api_key": sockets.keys["acme"]}}
    answer = sockets._event("CONNECT", "d", **event)
    assert answer["statusCode"] == 403
    assert json.loads(answer["body"])["error"] == "too_many_connections"
    assert sockets.connect("e", "other") == 200
    sockets.disconnect("b")
    assert sockets.connect("f") == 200
    assert sockets.connect("g") == 403
    assert {item["holder"]["S"] for item in connections()} == {"a", "c", "e", "f"}


def test_many_at_once_are_let_in_up_to_the_limit_exactly(
    sockets: WebSocketSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_ACCOUNT", "7")
    with atomic_writes(), ThreadPoolExecutor(16) as crowd:
        results = list(crowd.map(sockets.connect, [f"c{number}" for number in range(40)]))
    assert (results.count(200), results.count(403)) == (7, 33)
    holders = {item["holder"]["S"] for item in connections()}
    assert len(holders) == 7
    assert connection_limit_store.open_ids("acme") == holders


def test_connections_that_vanished_without_a_word_make_room_again(sockets: WebSocketSystem, clock: Clock) -> None:
    job_id = created()
    fill(sockets)
    sockets.subscribe("a", job_id)
    sockets.gateway.gone |= {"a", "c"}
    clock.advance(seconds=60)
    assert [sockets.connect(name) for name in "def"] == [200, 200, 403]
    assert connection_limit_store.open_ids("acme") == {"b", "d", "e"}
    assert subscriber_store.of_job(job_id).subscriptions == []


def test_one_that_only_just_connects_is_not_taken_for_vanished(sockets: WebSocketSystem, clock: Clock) -> None:
    fill(sockets)
    sockets.gateway.gone |= {"a", "b", "c"}  # the gateway does not know them before they are open
    clock.advance(seconds=59)
    assert sockets.connect("d") == 403
    assert sockets.gateway.asked == []


def test_one_whose_item_is_gone_makes_room(sockets: WebSocketSystem, clock: Clock) -> None:
    fill(sockets)
    connection_limit_store.remove("acme", ["c"])
    connection_limit_store.add("acme", "never stored")
    sockets.gateway.gone.add("never stored")
    assert sockets.connect("d") == 200


def test_a_flood_over_the_limit_writes_nothing_and_asks_the_gateway_twice_a_minute(
    sockets: WebSocketSystem, clock: Clock
) -> None:
    fill(sockets)
    clock.advance(seconds=60)
    assert sockets.connect("d") == 403
    assert sorted(sockets.gateway.asked) == ["a", "b", "c"]
    for _ in range(20):
        with calls() as sent:
            assert sockets.connect("e") == 403
        assert sent == ["UpdateItem", "GetItem", "UpdateItem"]  # of the key; the set; the claim of a recount, refused
    assert len(sockets.gateway.asked) == 3
    clock.advance(seconds=30)
    assert sockets.connect("e") == 403
    assert len(sockets.gateway.asked) == 6


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["connect", "disconnect", "vanish", "push"]), st.integers(0, 5)), max_size=20)
)
def test_whatever_happens_the_count_is_never_over_and_heals(
    sockets: WebSocketSystem, clock: Clock, steps: list[tuple[str, int]]
) -> None:
    for name in connection_limit_store.open_ids("acme"):
        sockets.disconnect(name)
    is_open: set[str] = set()
    for number, (what, which) in enumerate(steps):
        clock.advance(seconds=61)
        name = sorted(is_open)[which % len(is_open)] if is_open else "none"
        if what == "connect":
            status = sockets.connect(f"{clock.milliseconds}-{number}")
            assert status == (200 if len(is_open) < 3 else 403)
            is_open |= {f"{clock.milliseconds}-{number}"} if status == 200 else set()
        elif what == "disconnect":
            sockets.disconnect(name)
            is_open.discard(name)
        elif what == "vanish":
            sockets.gateway.gone.add(name)
            is_open.discard(name)
        else:
            subscriber_store.delete_connection(ConnectionState(Connection(name, "acme", ""), []))
            is_open.discard(name)
        assert is_open <= connection_limit_store.open_ids("acme")
        assert len(connection_limit_store.open_ids("acme")) <= 3
