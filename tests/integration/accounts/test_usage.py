"""`GET /usage` and what it is made of: every request is counted once, in the write that lets it in."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from mediajobs.accounts import authentication_service, key_store, usage_store
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.rate_limits import RateLimitExceeded
from mediajobs.accounts.usage import counter
from mediajobs.aws import dynamodb
from mediajobs.jobs import job_store
from tests.support.aws_calls import atomic_writes, calls
from tests.support.clocks import Clock, stop_clock
from tests.support.functions import load
from tests.support.http_api import Ask

pytestmark = pytest.mark.usefixtures("cloud")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
MIDNIGHT = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 24 * 3600 * 1000
GET = counter("GET /jobs", 200)


class ClockOfThreads(Clock):
    """Everybody's, unless a thread has one of its own."""

    def __init__(self, milliseconds: int) -> None:
        super().__init__(milliseconds)
        self.own = threading.local()

    def __call__(self) -> int:
        return int(getattr(self.own, "milliseconds", self.milliseconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ClockOfThreads:
    clock = ClockOfThreads(MIDNIGHT - 3_600_000)
    stop_clock(monkeypatch, clock)
    return clock


def key_of(limit: int = 10_000) -> str:
    return key_store.create("acme", requests_per_minute=limit)


def item(key: str) -> dict[str, Any]:
    """The key's item as it lies in the table."""
    wanted = {"key_id": {"S": key.split("_")[1]}}
    found: dict[str, Any] = boto3.client("dynamodb").get_item(TableName="ApiKeysTable", Key=wanted)["Item"]
    return found


def days(key: str) -> dict[str, int]:
    """The requests of each day, moved away or not, by the store's own tables."""
    table = boto3.client("dynamodb").scan(TableName="UsageTable")["Items"]
    rows = [row for row in table if row["key_id"]["S"] == key.split("_")[1]] + [item(key)]
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["day"]["S"]] += sum(int(value["N"]) for name, value in row.items() if name.startswith("u2#"))
    return dict(totals)


def enter(key: str, what: str = GET) -> Caller:
    caller = authentication_service.by_key(key, what)
    assert caller is not None
    return caller


def test_requests_are_told_by_day_route_and_class(ask: Ask, clock: ClockOfThreads) -> None:
    key = key_of()
    created = ask("POST", "/jobs", {"filename": "a.mp4"}, key=key).json_body["job_id"]
    etag = ask("GET", f"/jobs/{created}", key=key).headers["ETag"]
    assert ask("GET", f"/jobs/{created}", key=key, headers={"If-None-Match": etag}).status_code == 304
    for what, body in (
        ("GET /jobs", None),
        ("GET /jobs?per_page=0", None),
        (f"GET /jobs/{UNKNOWN}", None),
        ("GET /jobs/none", None),
        (f"GET /jobs/{created}/download/360p", None),
        ("POST /jobs", {"filename": ""}),
        ("POST /jobs", {"filename": "b.mp4"}),
        ("GET /health", None),
        ("GET /nowhere", None),
    ):
        method, path = what.split()
        ask(method, path, body, key=key)
    answer = ask("GET", "/usage", key=key)
    assert answer.status_code == 200, answer.body
    by_route = {
        "GET /jobs": {"2xx": 1, "4xx": 1},
        "GET /jobs/{job_id}": {"2xx": 1, "3xx": 1, "4xx": 2},
        "GET /jobs/{job_id}/download/{output}": {"4xx": 1},
        "GET /usage": {"2xx": 1},
        "POST /jobs": {"2xx": 2, "4xx": 1},
    }
    by_class = {"2xx": 5, "3xx": 1, "4xx": 5}
    day = {"date": "2026-11-23", "total": 11, "by_route": by_route, "by_status_class": by_class}
    assert answer.json_body["requests"] == {"total": 11, "by_day": [day]}
    assert (answer.json_body["account"], answer.json_body["key_id"]) == ("acme", key.split("_")[1])
    assert answer.json_body["limits"] == {"requests_per_minute": 10_000, "remaining": 9_989, "resets_in": 60}
    assert answer.json_body["minutes"] == {"month": "2026-11", "transcoded": 0.0, "transcribed": 0.0}


def test_a_crash_is_counted_as_one(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(job_store, "get_with_progress", crash)
    key = key_of()
    assert ask("GET", f"/jobs/{UNKNOWN}", key=key).status_code == 500
    by_route = ask("GET", "/usage", key=key).json_body["requests"]["by_day"][0]["by_route"]
    assert by_route == {"GET /jobs/{job_id}": {"5xx": 1}, "GET /usage": {"2xx": 1}}


def test_sixteen_threads_are_counted_exactly(ask: Ask) -> None:
    key = key_of()
    requests: list[tuple[str, str, Any]] = [
        ("GET", f"/jobs/{UNKNOWN}", None),
        ("GET", "/jobs", None),
        ("GET", "/jobs?per_page=0", None),
        ("POST", "/jobs/batch-status", {}),
    ]
    with atomic_writes(), ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda request: ask(*request, key=key), requests * 12))
    told = Counter(answer.status_code for answer in answers)
    assert told == {404: 12, 200: 12, 422: 24}
    (day,) = ask("GET", "/usage", key=key).json_body["requests"]["by_day"]
    assert day["by_status_class"] == {"2xx": 13, "4xx": 36}
    assert day["by_route"]["GET /jobs"] == {"2xx": 12, "4xx": 12}


def test_who_is_refused_is_not_counted(ask: Ask) -> None:
    key = key_of(limit=2)
    before = item(key)
    forged = key.rpartition("_")[0] + "_" + key_of().rpartition("_")[2]
    assert ask("GET", "/jobs", key=forged).status_code == 401
    assert item(key) == before
    assert [ask("GET", "/jobs", key=key).status_code for _ in range(2)] == [200, 200]
    full = item(key)
    assert ask("GET", "/jobs", key=key).status_code == 429
    assert item(key) == full
    key_store.revoke(key.split("_")[1])
    assert ask("GET", "/jobs", key=key).status_code == 401
    assert sum(days(key).values()) == 2


def writes(sent: list[str]) -> list[str]:
    return [name for name in sent if name not in ("GetItem", "Query", "BatchGetItem", "TransactGetItems")]


def test_a_request_that_goes_well_is_one_write_and_any_other_two(ask: Ask, clock: ClockOfThreads) -> None:
    key = key_of()
    ask("GET", "/jobs", key=key)
    for what, wanted in (
        ("GET /jobs", 1),
        ("GET /usage", 1),
        (f"GET /jobs/{UNKNOWN}", 2),
        ("GET /jobs?per_page=0", 2),
        ("GET /health", 0),
    ):
        with calls() as sent:
            ask(*what.split(), key=key)
        assert len(writes(sent)) == wanted, (what, sent)
    clock.milliseconds = MIDNIGHT
    with calls() as sent:
        ask("GET", "/jobs", key=key)
    assert writes(sent) == ["TransactWriteItems", "UpdateItem"]
    with calls() as sent:
        ask("GET", "/usage", key=key)
    assert sent == ["UpdateItem", "BatchGetItem", "GetItem", "GetItem", "Query"]


def test_a_day_that_is_over_is_kept_for_thirteen_months(ask: Ask, clock: ClockOfThreads) -> None:
    key = key_of()
    for _ in range(4):
        enter(key)
        clock.milliseconds += DAY_MS
    told = ask("GET", "/usage", key=key).json_body["requests"]
    assert [(day["date"], day["total"]) for day in told["by_day"]] == [
        ("2026-11-23", 1), ("2026-11-24", 1), ("2026-11-25", 1), ("2026-11-26", 1), ("2026-11-27", 1),
    ]  # fmt: skip
    assert told["total"] == 5
    some = ask("GET", "/usage?from_date=2026-11-24&to_date=2026-11-25", key=key).json_body["requests"]
    assert [day["date"] for day in some["by_day"]] == ["2026-11-24", "2026-11-25"]
    clock.milliseconds += 28 * DAY_MS
    assert [day["date"] for day in ask("GET", "/usage", key=key).json_body["requests"]["by_day"]] == [
        "2026-11-26", "2026-11-27", "2026-12-25",
    ]  # fmt: skip
    for row in boto3.client("dynamodb").scan(TableName="UsageTable")["Items"]:
        kept = int(row["expires_at"]["N"]) - datetime.fromisoformat(row["day"]["S"] + "T00:00Z").timestamp()
        assert 395 <= kept / 86_400 <= 404


@pytest.mark.parametrize("span", ["from_date=0001-01-01", "to_date=9999-12-31", "from_date=2030-01-01"])
def test_days_that_no_key_has_seen_are_empty_and_no_error(ask: Ask, span: str) -> None:
    assert ask("GET", f"/usage?{span}", key=key_of()).status_code == 200


@pytest.mark.parametrize("day", ["yesterday", "0001-01-01T00:00:00%2B14:00"])
def test_what_is_no_date_is_refused(ask: Ask, day: str) -> None:
    assert ask("GET", f"/usage?from_date={day}", key=key_of()).status_code == 422


def test_a_crowd_at_midnight_loses_nothing_whatever_their_clocks_say(clock: ClockOfThreads) -> None:
    key = key_of()
    for _ in range(5):
        enter(key)

    def at(offset: int) -> str:
        clock.own.milliseconds = MIDNIGHT + offset
        return enter(key).today.date

    offsets = [-3000, 2000, -1, 0, 1500, -2000] * 8
    with atomic_writes(), ThreadPoolExecutor(16) as crowd:
        counted = Counter(crowd.map(at, offsets))
    assert days(key) == {"2026-11-23": 5 + counted["2026-11-23"], "2026-11-24": counted["2026-11-24"]}
    assert sum(counted.values()) == len(offsets)
    assert counted["2026-11-24"] >= sum(offset >= 0 for offset in offsets)


def test_one_that_counts_while_the_day_is_moved_is_not_lost(
    clock: ClockOfThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of()
    enter(key)
    begin_day, late = usage_store.begin_day, [MIDNIGHT - 1, MIDNIGHT - 1]

    def slower(*arguments: Any) -> None:
        if late:
            clock.milliseconds = late.pop()
            enter(key)
            clock.milliseconds = MIDNIGHT
        begin_day(*arguments)

    monkeypatch.setattr(usage_store, "begin_day", slower)
    clock.milliseconds = MIDNIGHT
    enter(key)
    assert days(key) == {"2026-11-23": 3, "2026-11-24": 1}


def test_a_day_that_others_keep_from_ending_goes_on_and_nobody_is_refused(
    clock: ClockOfThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of()
    monkeypatch.setattr(usage_store, "begin_day", lambda *_: None)
    clock.milliseconds = MIDNIGHT
    assert enter(key).today.date == "2026-11-23"


def test_a_day_is_moved_once_though_two_mean_to(clock: ClockOfThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of()
    enter(key)
    begin_day = usage_store.begin_day
    monkeypatch.setattr(usage_store, "begin_day", lambda *arguments: (begin_day(*arguments), begin_day(*arguments)))
    clock.milliseconds = MIDNIGHT
    enter(key)
    assert days(key) == {"2026-11-23": 1, "2026-11-24": 1}


def test_an_answer_after_midnight_is_put_right_on_the_day_of_its_request(clock: ClockOfThreads) -> None:
    key = key_of()
    caller = enter(key)
    clock.milliseconds = MIDNIGHT
    enter(key)
    usage_store.correct(caller.key_id, caller.today.date, GET, counter("GET /jobs", 404))
    (over,) = usage_store.read(caller.key_id, "2026-11-01", "2026-11-30")
    assert over.counts == {GET: 0, counter("GET /jobs", 404): 1}
    assert days(key) == {"2026-11-23": 0, "2026-11-24": 1}


def test_a_key_from_before_days_were_counted_goes_on(clock: ClockOfThreads) -> None:
    key = key_of()
    enter(key)
    place = {"key_id": {"S": key.split("_")[1]}}
    boto3.client("dynamodb").update_item(
        TableName="ApiKeysTable", Key=place, UpdateExpression="REMOVE #day, day_writes, #counter",
        ExpressionAttributeNames={"#day": "day", "#counter": GET},
    )  # fmt: skip
    assert enter(key).today.counts == {GET: 1}


def test_a_request_waits_for_a_transaction_on_its_key(clock: ClockOfThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB refuses a single write in the middle of a transaction; moto never does."""
    from botocore.exceptions import ClientError

    key = key_of()
    client = dynamodb.client()
    send, refusals = client.update_item, [1, 1]

    def busy(**request: Any) -> Any:
        if refusals:
            refusals.pop()
            raise ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")
        return send(**request)

    monkeypatch.setattr(client, "update_item", busy)
    assert enter(key).today.counts == {GET: 1}


def size(row: dict[str, Any]) -> int:
    """Bytes, as DynamoDB counts them: names and strings in UTF-8, numbers about a byte for two digits, and one more."""
    return sum(
        len(name.encode()) + sum(len(text) if kind == "S" else len(text) // 2 + 2 for kind, text in value.items())
        for name, value in row.items()
    )


def test_the_item_that_every_request_writes_stays_small(clock: ClockOfThreads) -> None:
    key = key_of()
    routes = [
        f"{method} {path}"
        for path, methods in load("api").app.routes.items()
        for method in methods
        if path != "/health"
    ]
    for number in range(200):
        asked = counter(routes[number % len(routes)], 200)
        caller = enter(key, asked)
        if number % 3 == 0:
            usage_store.correct(caller.key_id, caller.today.date, asked, counter(routes[number % len(routes)], 404))
    assert size(item(key)) < 4096
    clock.milliseconds = MIDNIGHT
    enter(key)
    assert size(item(key)) < 512


def test_what_is_counted_is_neither_in_the_index_nor_in_the_way_of_the_keys_owner(clock: ClockOfThreads) -> None:
    key = key_of()
    enter(key)
    index = boto3.client("dynamodb").scan(TableName="ApiKeysTable", IndexName="accounts")["Items"]
    assert index[0].keys() <= {"key_id", "account", "created_at", "requests_per_minute", "revoked_at"}
    key_id = key.split("_")[1]
    key_store.set_rate_limit(key_id, 1)
    assert [(found.key_id, found.requests_per_minute) for found in key_store.of_account("acme")] == [(key_id, 1)]
    with pytest.raises(RateLimitExceeded):
        authentication_service.by_key(key, GET)
    key_store.revoke(key_id)
    assert authentication_service.by_key(key, GET) is None
