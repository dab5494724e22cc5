"""`Idempotency-Key` through the API's real handler: a POST that is sent again is not done again."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from chalice.local import LambdaContext
from chalice.test import Client, HTTPResponse

from mediajobs.accounts import key_store
from mediajobs.jobs import job_store
from mediajobs.jobs.model import Job
from mediajobs.jobs.tables import JobRow
from tests.support.aws_calls import atomic_writes, calls
from tests.support.functions import FUNCTIONS, load
from tests.support.waiting import HANG_SECONDS

pytestmark = pytest.mark.usefixtures("cloud")

Post = Callable[..., HTTPResponse]
BODY = {"filename": "talk.mp4", "priority": 7}


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request counts as timed out before a test says so."""
    monkeypatch.setattr(LambdaContext, "get_remaining_time_in_millis", lambda _: 1000 * int(HANG_SECONDS))


@pytest.fixture
def mine(cloud: None) -> str:
    return key_store.create("acme")


@pytest.fixture
def post(mine: str) -> Iterator[Post]:
    """post(body, idempotency_key, path=…, key=…)"""
    with Client(load("api").app) as client:

        def send(body: Any, idempotency_key: str | None, path: str = "/jobs", key: str = mine) -> HTTPResponse:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"X-API-Key": key, "Content-Type": "application/json"}
            headers |= {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
            return client.http.request("POST", path, headers=headers, body=content)

        yield send


def number_of_jobs() -> int:
    return len(list(JobRow.scan(JobRow.item == "job")))


def replayed(answer: HTTPResponse) -> bool:
    return bool(answer.headers.get("Idempotency-Replayed") == "true")


def unavailable(*_: object, **_how: Any) -> None:
    raise ClientError({"Error": {"Code": "InternalServerError", "Message": "not now"}}, "PutItem")


def test_the_second_time_gets_the_first_answer_and_makes_nothing(post: Post) -> None:
    first, second = post(BODY, "k1"), post(BODY, "k1")
    assert (first.status_code, replayed(first)) == (201, False)
    assert (second.status_code, replayed(second)) == (201, True)
    assert (second.body, second.headers["Location"]) == (first.body, first.headers["Location"])
    assert second.headers["Content-Type"] == "application/json"
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert second.headers["RateLimit"] != first.headers["RateLimit"]
    assert number_of_jobs() == 1


def test_the_longest_answer_is_kept_too(post: Post) -> None:
    film = {"filename": "film.mov", "size_bytes": 50 * 2**30}
    first, second = post(film, "k1"), post(film, "k1")
    assert len(first.body) > 400 * 1024  # what an item of DynamoDB holds
    assert replayed(second)
    assert second.body == first.body


def test_neither_spaces_nor_the_order_of_names_make_another_body(post: Post) -> None:
    first = post(b'{"filename":"talk.mp4","priority":7}', "k1")
    assert post(b'{ "priority": 7, "filename": "talk.mp4" }', "k1").body == first.body


def test_a_body_that_nobody_reads_may_be_of_any_depth(post: Post) -> None:
    """More than Python's reader of JSON climbs down."""
    job_id = post(BODY, None).json_body["job_id"]
    assert post(b"[" * 30_000 + b"]" * 30_000, "k1", f"/jobs/{job_id}/cancel").status_code == 200


def test_another_body_is_422_and_changes_nothing(post: Post) -> None:
    first = post(BODY, "k1")
    other = post(BODY | {"priority": 8}, "k1")
    assert other.status_code == 422
    assert other.json_body["type"].endswith("idempotency-key-reused")
    assert post(BODY, "k1").body == first.body
    assert number_of_jobs() == 1


def test_without_a_key_or_with_another_every_request_is_a_new_one(post: Post) -> None:
    answers = [post(BODY, key) for key in (None, None, "k1", "k2")]
    assert len({answer.json_body["job_id"] for answer in answers}) == 4


def test_keys_of_two_accounts_and_of_two_paths_do_not_meet(post: Post, mine: str) -> None:
    first = post(BODY, "k1")
    assert post(BODY, "k1", key=key_store.create("acme")).body == first.body  # another key of the same account
    theirs = post(BODY, "k1", key=key_store.create("zeta"))
    assert (theirs.status_code, replayed(theirs)) == (201, False)
    elsewhere = post(
        {"parts": [{"part_number": 1, "etag": "x"}]}, "k1", f"/jobs/{first.json_body['job_id']}/upload/complete"
    )
    assert elsewhere.status_code == 409
    assert "multipart" in elsewhere.json_body["detail"]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "schlüssel", "a\tb"])
def test_a_key_that_is_none_is_a_bad_request(post: Post, key: str) -> None:
    answer = post(BODY, key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json_body["detail"]
    assert number_of_jobs() == 0


def test_the_longest_key_is_taken(post: Post) -> None:
    assert post(BODY, "~" * 255).status_code == 201


def test_while_the_first_is_not_answered_the_second_is_a_conflict(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    create, seconds = job_store.create, []

    def slow(job: Job, **how: Any) -> None:
        seconds.append(post(BODY, "k1"))
        create(job, **how)

    monkeypatch.setattr(job_store, "create", slow)
    first = post(BODY, "k1")
    assert first.status_code == 201
    assert [second.status_code for second in seconds] == [409]
    assert int(seconds[0].headers["Retry-After"]) > 0
    assert post(BODY, "k1").body == first.body


def test_of_many_at_once_one_makes_the_job(post: Post) -> None:
    with atomic_writes(), ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda _: post(BODY, "k1"), range(20)))
    assert number_of_jobs() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.body for answer in answers if answer.status_code == 201}) == 1
    assert sum(answer.status_code == 201 and not replayed(answer) for answer in answers) == 1


def test_a_failure_of_ours_leaves_the_key_free(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(job: Job, **how: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(job_store, "create", unavailable)
        assert post(BODY, "k1").status_code == 503
        patch.setattr(job_store, "create", crash)
        assert post(BODY, "k1").status_code == 500
    again = post(BODY, "k1")
    assert (again.status_code, replayed(again)) == (201, False)


def time_out_of_running_requests_passes() -> None:
    """What is kept until when a request would have timed out says that this was a second ago."""
    past = {":past": {"N": str(int(time.time() * 1000) - 1000)}}
    client = boto3.client("dynamodb")
    for row in client.scan(TableName="IdempotencyTable")["Items"]:
        if "in_progress_expiration" in row:
            client.update_item(
                TableName="IdempotencyTable",
                Key={"id": row["id"]},
                UpdateExpression="SET in_progress_expiration = :past",
                ExpressionAttributeValues=past,
            )


def test_a_function_that_dies_blocks_the_key_until_it_would_have_timed_out(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(job: Job, **how: Any) -> None:
        raise SystemExit  # what nobody catches, and so nobody tidies up after

    with monkeypatch.context() as patch:
        patch.setattr(job_store, "create", die)
        with pytest.raises(SystemExit):
            post(BODY, "k1")
    assert post(BODY, "k1").status_code == 409
    time_out_of_running_requests_passes()
    again = post(BODY, "k1")
    assert (again.status_code, replayed(again)) == (201, False)


@pytest.mark.parametrize("body", [BODY, {"filename": "film.mov", "size_bytes": 300 * 2**20}])
def test_what_a_function_made_before_it_died_is_not_made_again(
    post: Post, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    create = job_store.create

    def die(job: Job, **how: Any) -> None:
        create(job, **how)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(job_store, "create", die)
        with pytest.raises(SystemExit):
            post(body, "k1")
    time_out_of_running_requests_passes()
    again = post(body, "k1")
    (made,) = JobRow.scan(JobRow.item == "job")
    assert (again.status_code, again.json_body["job_id"]) == (201, made.job_id)
    assert (made.upload_id is None) == ("parts" not in again.json_body["upload"])
    assert made.upload_id is None or made.upload_id in again.json_body["upload"]["parts"][0]["url"]
    assert replayed(post(body, "k1"))


def test_a_refused_request_may_be_put_right_under_its_key(post: Post) -> None:
    assert post({"filename": ""}, "k1").status_code == 422  # by the shape of the body
    assert post({"filename": "a.mp4", "source_url": "s3://theirs/a"}, "k1").status_code == 422  # by the view
    assert post(BODY, "k1").status_code == 201


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    monkeypatch.setattr(DynamoDBPersistenceLayer, "_update_record", unavailable)
    assert post(BODY, "k1").status_code == 201


def test_without_the_table_nothing_is_done_and_the_answer_is_503(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "gone")
    assert post(BODY, "k1").status_code == 503
    assert number_of_jobs() == 0


def test_neither_the_api_key_nor_the_idempotency_key_is_kept_and_the_answer_for_a_day(post: Post, mine: str) -> None:
    before = int(time.time())
    post(BODY, "order-of-mrs-miller")
    after = time.time()
    kept = boto3.client("dynamodb").scan(TableName="IdempotencyTable")["Items"]
    assert len(kept) == 2  # the answer, and what it made
    assert mine.split("_")[2] not in str(kept)
    assert "mrs-miller" not in str(kept)
    for row in kept:
        assert before <= int(row["expiration"]["N"]) - 24 * 3600 <= after


def test_it_costs_three_writes_the_first_time_and_one_the_second(post: Post) -> None:
    post(BODY, None)
    with calls() as plain:
        post(BODY, None)
    with calls() as first:
        post(BODY, "k1")
    with calls() as second:
        post(BODY, "k1")
    assert plain == ["UpdateItem", "GetItem", "TransactWriteItems"]  # the read is of the account's quotas
    assert first == ["UpdateItem", "PutItem", "UpdateItem", "GetItem", "TransactWriteItems", "UpdateItem"]
    assert second == ["UpdateItem", "PutItem"]


def test_who_sends_no_key_does_not_wait_for_the_utility_to_load() -> None:
    code = "import sys, app; assert not [name for name in sys.modules if 'idempotency' in name]"
    subprocess.run([sys.executable, "-c", code], cwd=FUNCTIONS / "api", check=True, timeout=HANG_SECONDS)
