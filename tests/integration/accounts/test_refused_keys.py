"""A flood of refused keys: it writes nothing, and does not touch the item of the key that it names."""

import secrets
import string
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from mediajobs.accounts import authentication_service, key_store
from mediajobs.accounts.api_keys import assemble_key
from mediajobs.accounts.key_memory import REFUSAL_SECONDS, KeyMemory
from mediajobs.accounts.key_store import KeyRow
from mediajobs.accounts.rate_limits import RateLimitExceeded
from tests.support.aws_calls import atomic_writes, calls
from tests.support.clocks import Clock
from tests.support.http_api import Ask

pytestmark = pytest.mark.usefixtures("cloud")
COUNTER = "u2#GET /jobs"
WRITES = {"UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Forgets what this process knows of keys, as if another one handled the next request."""

    def forget() -> None:
        monkeypatch.setattr(authentication_service, "_memory", KeyMemory())

    forget()
    return forget


def item(key: str) -> dict[str, Any]:
    row: dict[str, Any] = boto3.client("dynamodb").get_item(
        TableName="ApiKeysTable", Key={"key_id": {"S": key.split("_")[1]}}
    )["Item"]
    return row


def forged(key_id: str) -> str:
    """A well-formed key of this id with a wrong secret."""
    return assemble_key(key_id, "".join(secrets.choice(string.ascii_letters) for _ in range(32)))


def is_let_in(key: str) -> bool:
    return authentication_service.by_key(key, COUNTER) is not None


def test_wrong_secrets_of_a_known_key_cost_one_read_in_all_and_its_owner_is_not_touched(new_process: Any) -> None:
    key = key_store.create("acme", requests_per_minute=5)
    before, wrong = item(key), [forged(key.split("_")[1]) for _ in range(200)]
    with calls() as sent:
        assert not any(is_let_in(one) for one in wrong)
    assert sent == ["GetItem"]
    assert item(key) == before
    with calls() as sent:
        assert is_let_in(key)
    assert sent == ["UpdateItem"]


def test_unknown_keys_cost_a_read_each_and_nothing_when_they_come_again(new_process: Any, clock: Clock) -> None:
    unknown = [forged(f"{number:012}") for number in range(20)]
    with calls() as sent:
        assert not any(is_let_in(key) for key in unknown)
    assert sent == ["GetItem"] * 20
    with calls() as sent:
        assert not any(is_let_in(key) for key in unknown * 3)
    assert sent == []
    clock.advance(seconds=REFUSAL_SECONDS)
    with calls() as sent:
        assert not is_let_in(unknown[0])
    assert sent == ["GetItem"]


def test_a_revoked_key_is_refused_at_once_wherever_it_is_known(new_process: Any, clock: Clock) -> None:
    key = key_store.create("acme")
    assert is_let_in(key)
    key_store.revoke(key.split("_")[1])
    with calls() as sent:
        assert not any(is_let_in(key) for _ in range(50))
    assert sent == ["UpdateItem"]  # the one whose condition fails: this process had seen the key valid
    new_process()
    with calls() as sent:
        assert not any(is_let_in(key) for _ in range(50))
    assert sent == ["GetItem"]
    clock.advance(seconds=REFUSAL_SECONDS)
    assert not is_let_in(key)


def test_a_key_lets_in_at_once_after_it_was_created_even_where_it_was_tried_before(new_process: Any) -> None:
    key_id = "A" * 12
    assert not is_let_in(forged(key_id))
    key = key_store.create("acme")
    KeyRow(
        key_id,
        account="acme",
        secret_sha256=KeyRow.get(key.split("_")[1]).secret_sha256,
        created_at="2026-01-01T00:00:00Z",
        requests_per_minute=5,
    ).save()
    assert is_let_in(key)
    assert not is_let_in(forged(key_id))


def test_a_key_over_its_limit_is_refused_by_a_read(new_process: Any, ask: Ask, clock: Clock) -> None:
    key = key_store.create("acme", requests_per_minute=2)
    for _ in range(2):
        ask("GET", "/jobs", key=key, status=200)
    before = item(key)
    with calls() as sent:
        for _ in range(30):
            ask("GET", "/jobs", key=key, status=429)
    assert sent == ["GetItem"] * 30
    assert item(key) == before


def test_a_window_that_another_process_filled_costs_one_failed_write(new_process: Any, clock: Clock) -> None:
    key = key_store.create("acme", requests_per_minute=3)
    assert is_let_in(key)
    known = authentication_service._memory
    new_process()
    assert all(is_let_in(key) for _ in range(2))
    setattr(authentication_service, "_memory", known)  # noqa: B010 - the first process again
    with calls() as sent:
        for _ in range(10):
            with pytest.raises(RateLimitExceeded):
                is_let_in(key)
    assert sent == ["UpdateItem", *["GetItem"] * 9]


def test_a_flood_through_the_api_writes_nothing(new_process: Any, ask: Ask) -> None:
    key = key_store.create("acme")
    attempts = [forged(key.split("_")[1]) for _ in range(40)] + [forged("B" * 12)] * 40 + ["mj_x", "", "é"]
    with calls() as sent:
        answers = [ask("GET", "/jobs", key=attempt).status_code for attempt in attempts]
    assert set(answers) == {401}
    assert not set(sent) & WRITES
    assert len(sent) == 2


def test_of_many_at_once_with_right_and_wrong_secrets_exactly_the_right_ones_are_counted(new_process: Any) -> None:
    key = key_store.create("acme", requests_per_minute=20)
    shown = [key, forged(key.split("_")[1])] * 30

    def enter(one: str) -> str:
        try:
            return "in" if is_let_in(one) else "refused"
        except RateLimitExceeded:
            return "limited"

    with atomic_writes(), ThreadPoolExecutor(20) as crowd:
        results = list(crowd.map(enter, shown))
    assert {result: results.count(result) for result in ("in", "limited", "refused")} == {
        "in": 20,
        "limited": 10,
        "refused": 30,
    }
    assert item(key)["window_used"] == {"N": "20"}
