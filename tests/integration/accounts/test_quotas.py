"""Quotas through the API's real handler: exact for open jobs, clear where one is used up, and without a leak."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from chalice.test import HTTPResponse
from moto.dynamodb.exceptions import TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend

from mediajobs import clock, timestamps
from mediajobs.accounts import quota_store
from mediajobs.commands import job_command_service
from mediajobs.errors import QuotaExceeded
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.listing import page_query
from mediajobs.media.source import SourceFacts
from mediajobs.pipeline import admission_service, steps_service
from mediajobs.statistics import counter_store
from tests.support.aws_calls import atomic_writes, calls
from tests.support.http_api import Ask

pytestmark = pytest.mark.usefixtures("cloud")
TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def create(ask: Ask, **fields: Any) -> HTTPResponse:
    return ask("POST", "/jobs", {"filename": "a.mp4"} | fields)


def created(ask: Ask, **fields: Any) -> str:
    answer = create(ask, **fields)
    assert answer.status_code in (201, 202), answer.body
    return str(answer.json_body["job_id"])


def refusal(answer: HTTPResponse, status: int, policy: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json_body
    assert (answer.status_code, document["type"]) == (status, TYPE)
    assert document["violated-policies"] == [policy]
    assert ("Retry-After" in answer.headers) == (status == 429)
    return document


def ids() -> set[str]:
    """The ids that hold a place, as they lie in the table."""
    place = {"name": {"S": "account#acme"}}
    item = boto3.client("dynamodb").get_item(TableName="CountersTable", Key=place).get("Item", {})
    return set(item.get("open", {"SS": []})["SS"])


def stored_ids() -> set[str]:
    return {item["job_id"]["S"] for item in boto3.client("dynamodb").scan(TableName="JobsTable")["Items"]}


def run(job_id: str, *statuses: Status, seconds: float = 60) -> None:
    """Through its life up to the last status, as a source of so many seconds and 700 bytes."""
    transition_store.transition(job_id, Status.QUEUED, attempt=1)
    admission_service.admit("acme")
    facts = SourceFacts(
        container="mp4", duration_seconds=seconds, size_bytes=700, sha256="0" * 64, video=None, audio=None
    )
    for status in statuses:
        if status is Status.TRANSCODING:
            job_store.record_source(job_id, 1, facts)
            steps_service.plan(job_id, 1)
        else:
            transition_store.transition(job_id, status, attempt=1)
    counter_store.update_counters(job_id)


TO_THE_END = (Status.TRANSCODING, Status.UPLOADING, Status.COMPLETED)


def test_an_account_without_quotas_pays_one_read_and_is_never_refused(ask: Ask) -> None:
    create(ask)
    with calls() as sent:
        assert create(ask).status_code == 201
    assert sent == ["UpdateItem", "GetItem", "TransactWriteItems"]
    assert ids() == set()


def test_one_job_too_many_waits_until_another_ends(ask: Ask) -> None:
    quota_store.change("acme", {"concurrent_jobs": 3})
    first, second, third = (created(ask) for _ in range(3))
    with calls() as sent:
        document = refusal(create(ask), 429, "concurrent-jobs")
    assert "3 jobs" in document["detail"]
    assert "TransactWriteItems" not in sent
    assert stored_ids() == {first, second, third}
    for end in (
        lambda: run(first, *TO_THE_END),
        lambda: run(second, Status.FAILED),
        lambda: ask("POST", f"/jobs/{third}/cancel"),
    ):
        end()
        fresh = created(ask)
        assert create(ask).status_code == 429
        assert fresh in ids()
    assert ask("DELETE", f"/jobs/{fresh}").status_code == 200
    assert len(ids()) == 2
    created(ask)


def test_another_account_has_its_own(ask: Ask) -> None:
    quota_store.change("zeta", {"concurrent_jobs": 1})
    for _ in range(2):
        created(ask)


@pytest.mark.parametrize("before", [0, 7])
def test_fifty_at_once_against_a_quota_of_twenty_are_exactly_twenty(ask: Ask, before: int) -> None:
    quota_store.change("acme", {"concurrent_jobs": 20})
    for _ in range(before):
        created(ask)
    with atomic_writes(), ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: create(ask), range(50)))
    told = sorted(answer.status_code for answer in answers)
    assert told == [201] * (20 - before) + [429] * (30 + before)
    assert ids() == stored_ids()
    assert len(ids()) == 20


def test_who_meets_another_transaction_tries_again(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB cancels one of two that write the account's item at once; moto never does."""
    quota_store.change("acme", {"concurrent_jobs": 1})
    write, refusals = DynamoDBBackend.transact_write_items, [1, 1]

    def busy(self: Any, items: Any) -> None:
        if refusals:
            refusals.pop()
            raise TransactionCanceledException([(None, None, None), ("TransactionConflict", "busy", None)])
        write(self, items)

    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", busy)
    created(ask)
    assert not refusals
    assert create(ask).status_code == 429


def test_the_upload_of_one_who_came_too_late_is_forgotten(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    quota_store.change("acme", {"concurrent_jobs": 1})
    check = quota_store.check

    def slower(account: str, **how: Any) -> int | None:
        limit = check(account, **how)
        monkeypatch.setattr(quota_store, "check", check)
        created(ask)
        return limit

    monkeypatch.setattr(quota_store, "check", slower)
    refusal(create(ask, size_bytes=200_000_000), 429, "concurrent-jobs")
    assert "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket="media")


def test_a_retry_takes_a_place_too_or_leaves_the_job_as_it_was(ask: Ask) -> None:
    quota_store.change("acme", {"concurrent_jobs": 1})
    retried = created(ask, source_url="https://example.com/a.mp4")
    ask("POST", f"/jobs/{retried}/cancel")
    other = created(ask)
    refusal(ask("POST", f"/jobs/{retried}/retry"), 429, "concurrent-jobs")
    assert job_store.get(retried).status is Status.CANCELLED
    ask("POST", f"/jobs/{other}/cancel")
    assert ask("POST", f"/jobs/{retried}/retry").status_code == 202
    assert ids() == {retried}
    assert create(ask).status_code == 429


def test_a_retry_that_loses_the_last_place_to_another_is_refused(ask: Ask) -> None:
    quota_store.change("acme", {"concurrent_jobs": 1})
    retried = created(ask, source_url="https://example.com/a.mp4")
    ask("POST", f"/jobs/{retried}/cancel")
    created(ask)
    with pytest.raises(QuotaExceeded):
        transition_store.transition(retried, Status.QUEUED, retry=True, quota=1)
    assert job_store.get(retried).status is Status.CANCELLED


def test_a_quota_counts_the_jobs_that_are_open_when_it_is_set_and_forgets_none(ask: Ask) -> None:
    pending, queued, running, done = (created(ask) for _ in range(4))
    run(done, *TO_THE_END)
    run(running, Status.TRANSCODING)
    transition_store.transition(queued, Status.QUEUED, attempt=1)
    quota_store.change("acme", {"concurrent_jobs": 3})
    assert ids() == {pending, queued, running}
    assert create(ask).status_code == 429
    for job_id in (pending, queued, running):
        ask("POST", f"/jobs/{job_id}/cancel")
    assert ids() == set()


def test_a_job_that_ends_while_the_quota_is_set_takes_no_place_for_ever(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = created(ask)
    page = page_query.page

    def slower(*arguments: Any, **how: Any) -> Any:
        found = page(*arguments, **how)
        if found.rows:
            transition_store.transition(ending, Status.CANCELLED)
        return found

    monkeypatch.setattr(page_query, "page", slower)
    quota_store.change("acme", {"concurrent_jobs": 3})
    assert ids() == set()


def test_a_quota_that_is_lifted_holds_nobody_and_one_that_comes_back_counts_right(ask: Ask) -> None:
    quota_store.change("acme", {"concurrent_jobs": 1})
    first = created(ask)
    quota_store.change("acme", {"concurrent_jobs": 0})
    second = created(ask)
    ask("POST", f"/jobs/{first}/cancel")
    assert ids() == set()
    quota_store.change("acme", {"concurrent_jobs": 2})
    assert ids() == {second}


def test_minutes_that_are_used_up_come_back_with_the_month(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    quota_store.change("acme", {"minutes_per_month": 2})
    failed = created(ask, source_url="https://example.com/a.mp4")
    run(failed, Status.FAILED)
    run(created(ask), *TO_THE_END, seconds=119)
    last = created(ask)  # begun with a second left
    with pytest.raises(QuotaExceeded):
        run(last, *TO_THE_END, seconds=60)
    run(created(ask), *TO_THE_END, seconds=1)
    answer = create(ask)
    assert "2 minutes" in refusal(answer, 429, "minutes-per-month")["detail"]
    now = datetime.now(UTC)
    assert 0 < int(answer.headers["Retry-After"]) <= 31 * 86_400 - (now.day - 1) * 86_400
    refusal(ask("POST", f"/jobs/{failed}/retry"), 429, "minutes-per-month")
    used = ask("GET", "/usage").json_body
    assert used["quotas"]["minutes_per_month"] == {"limit": 2, "used": 2.0}
    monkeypatch.setattr(clock, "milliseconds", lambda: timestamps.to_milliseconds(now) + 31 * 86_400_000)
    created(ask)
    assert ask("GET", "/usage").json_body["quotas"]["minutes_per_month"]["used"] == 0


def test_bytes_that_do_not_fit_are_refused_with_what_to_do(ask: Ask) -> None:
    quota_store.change("acme", {"stored_bytes": 1000})
    kept = created(ask, size_bytes=1000)
    run(kept, *TO_THE_END)  # in truth 700 bytes
    document = refusal(create(ask, size_bytes=301), 403, "stored-bytes")
    assert "DELETE" in document["detail"]
    created(ask, size_bytes=300)
    created(ask)
    assert ask("GET", "/usage").json_body["quotas"]["stored_bytes"] == {"limit": 1000, "used": 700}
    ask("DELETE", f"/jobs/{kept}")
    counter_store.update_counters(kept)
    created(ask, size_bytes=1000)


def test_bytes_are_no_reason_to_refuse_a_retry(ask: Ask) -> None:
    stored = created(ask, size_bytes=700, source_url="https://example.com/a.mp4")
    run(stored, Status.TRANSCODING, Status.FAILED)
    quota_store.change("acme", {"stored_bytes": 1})
    assert ask("POST", f"/jobs/{stored}/retry").status_code == 202


def test_usage_tells_quotas_with_or_without_a_limit(ask: Ask) -> None:
    for _ in range(2):
        counter_store.update_counters(created(ask))
    unlimited = ask("GET", "/usage").json_body["quotas"]
    assert unlimited == {
        "concurrent_jobs": {"limit": None, "used": 2},
        "minutes_per_month": {"limit": None, "used": 0.0},
        "stored_bytes": {"limit": None, "used": 0},
    }
    quota_store.change("acme", {"concurrent_jobs": 9})
    created(ask)  # known at once, without the bus
    assert ask("GET", "/usage").json_body["quotas"]["concurrent_jobs"] == {"limit": 9, "used": 3}
    assert ask("GET", "/usage").json_body["storage"] == {"used_bytes": 0, "source_bytes": 0, "output_bytes": 0}


def test_a_refused_retry_is_a_conflict_to_whoever_knows_no_quotas(ask: Ask) -> None:
    quota_store.change("acme", {"concurrent_jobs": 1})
    job = job_store.get(created(ask, source_url="https://example.com/a.mp4"))
    cancelled: Job = job_command_service.cancel(job).job
    created(ask)
    with pytest.raises(QuotaExceeded, match="1 job"):
        job_command_service.retry(cancelled, from_start=False)
