"""Retries of many: every job that matches, once, with the reasons of those that cannot be."""

from typing import Any

import boto3
import pytest
from chalice.test import Client, HTTPResponse

from mediajobs.commands import bulk_retry_service, job_command_service
from mediajobs.commands.bulk_retry_service import Walk
from mediajobs.commands.schemas import RetryJobs
from mediajobs.errors import Conflict
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import MAX_ATTEMPTS, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.tables import JOB, JobRow
from mediajobs.storage.object_keys import source_key
from tests.support.aws_calls import calls
from tests.support.functions import load
from tests.support.http_api import Ask
from tests.support.jobs import create_job
from tests.support.template import SETTINGS

pytestmark = pytest.mark.usefixtures("cloud", "background_queue")


def ended(status: Status, *, with_source: bool = True, account: str = "acme", **fields: Any) -> str:
    """The id of a job that ended in this status."""
    values: dict[str, Any] = {"account": account, "filename": "talk.mp4"} | fields
    job = create_job(**values)
    if with_source:
        boto3.client("s3").put_object(Bucket="media", Key=source_key(job.job_id), Body=b"some bytes")
    transition_store.transition(job.job_id, status)
    return job.job_id


def counts(answer: HTTPResponse) -> dict[str, Any]:
    assert answer.status_code == 202, answer.body
    document: dict[str, Any] = answer.json_body
    return document


def done(retried: int, continues: bool = False, **reasons: int) -> dict[str, Any]:  # noqa: FBT001, FBT002
    refused = sum(reasons.values())
    matched = retried + refused
    return {"matched": matched, "retried": retried, "refused": refused, "reasons": reasons, "continues": continues}


def statuses(*job_ids: str) -> list[Status]:
    return [job_store.get(job_id).status for job_id in job_ids]


def messages() -> list[str]:
    client, found = boto3.client("sqs"), []
    while told := client.receive_message(QueueUrl=SETTINGS["BACKGROUND_QUEUE"], MaxNumberOfMessages=10).get("Messages"):
        for message in told:
            found.append(message["Body"])
            client.delete_message(QueueUrl=SETTINGS["BACKGROUND_QUEUE"], ReceiptHandle=message["ReceiptHandle"])
    return found


def work_off(told: list[str]) -> int:
    """Gives a message to the function, and what follows from it. Gives the number of rounds."""
    for rounds in range(99):
        if not told:
            return rounds
        with Client(load("background").app) as client:
            client.lambda_.invoke(
                "run_background_work", client.events.generate_sqs_event(told, queue_name="background")
            )
        told = messages()
    raise AssertionError("it never ends")


def walk(**wanted: Any) -> Walk:
    return bulk_retry_service.new("acme", RetryJobs.model_validate({"filter": {}} | wanted))


def test_an_empty_filter_means_every_job_that_failed_or_was_cancelled(ask: Ask) -> None:
    mine = [ended(Status.FAILED), ended(Status.CANCELLED)]
    others = [ended(Status.QUEUED), ended(Status.FAILED, account="stranger")]
    assert counts(ask("POST", "/jobs/retry", {"filter": {}})) == done(2)
    assert statuses(*mine, *others) == [Status.QUEUED, Status.QUEUED, Status.QUEUED, Status.FAILED]
    assert counts(ask("POST", "/jobs/retry", {"filter": {}})) == done(0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"status": "failed"}, [0, 1]),
        ({"status": ["cancelled", "failed"], "priority": 9}, [1, 2]),
        ({"batch_id": "b1"}, [2]),
        ({"to_date": "2026-01-01"}, []),
        ({"from_date": "2026-01-01", "batch_id": "b1", "status": "failed"}, []),
    ],
    ids=str,
)
def test_a_filter_says_which(ask: Ask, wanted: dict[str, Any], expected: list[int]) -> None:
    made = [
        ended(Status.FAILED),
        ended(Status.FAILED, priority=9),
        ended(Status.CANCELLED, priority=9, batch_id="b1"),
    ]
    assert counts(ask("POST", "/jobs/retry", {"filter": wanted})) == done(len(expected))
    assert [number for number, status in enumerate(statuses(*made)) if status is Status.QUEUED] == expected


def test_from_the_start_is_for_all_of_them(ask: Ask) -> None:
    job_id = ended(Status.FAILED)
    assert counts(ask("POST", "/jobs/retry", {"filter": {}, "from": "start"})) == done(1)
    assert job_store.get(job_id).base_attempt == 2


def test_what_cannot_be_retried_is_counted_with_its_reason(ask: Ask) -> None:
    ended(Status.CANCELLED, with_source=False)
    JobRow(ended(Status.FAILED), JOB).update([JobRow.attempt.set(MAX_ATTEMPTS)])
    ended(Status.FAILED)
    assert counts(ask("POST", "/jobs/retry", {"filter": {}})) == done(1, attempts_used=1, source_never_uploaded=1)


def test_whoever_is_quicker_is_counted(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, retry = ended(Status.FAILED), job_command_service.retry

    def late(job: Job, *, from_start: bool) -> Job:
        retry(job, from_start=from_start)
        return retry(job, from_start=from_start)

    monkeypatch.setattr(job_command_service, "retry", late)
    assert counts(ask("POST", "/jobs/retry", {"filter": {}})) == done(0, changed_meanwhile=1)
    with pytest.raises(Conflict):
        retry(job_store.get(job_id), from_start=False)


@pytest.mark.parametrize(
    "body", [{}, {"filter": {"status": "completed"}}, {"filter": {"state": "failed"}}, {"filter": {}, "from": "end"}]
)
def test_what_it_does_not_know_it_refuses_and_does_nothing(ask: Ask, body: dict[str, Any]) -> None:
    job_id = ended(Status.FAILED)
    answer = ask("POST", "/jobs/retry", body)
    assert answer.status_code == 422
    assert statuses(job_id) == [Status.FAILED]


def test_another_status_is_told_what_can_be_retried(ask: Ask) -> None:
    assert "failed or cancelled" in ask("POST", "/jobs/retry", {"filter": {"status": "completed"}}).json_body["detail"]


def test_a_repeated_request_gets_the_first_answer(ask: Ask) -> None:
    ended(Status.FAILED)
    first, second = (ask("POST", "/jobs/retry", {"filter": {}}, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert counts(first) == counts(second) == done(1)
    assert second.headers["Idempotency-Replayed"] == "true"


class TestManyMore:
    """A page is two jobs, and a request has time for one."""

    @pytest.fixture(autouse=True)
    def short_of_time(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        import chalicelib.views.job_commands  # its folder is on the path since `load`

        monkeypatch.setattr(chalicelib.views.job_commands, "RETRY_SECONDS", 0.0)
        monkeypatch.setattr(bulk_retry_service, "_PAGE", 2)

    def test_what_is_left_follows_by_itself(self, ask: Ask) -> None:
        made = [ended(status) for status in (Status.FAILED, Status.CANCELLED) for _ in range(3)]
        assert counts(ask("POST", "/jobs/retry", {"filter": {}})) == done(2, continues=True)
        assert work_off(messages()) > 1
        assert statuses(*made) == [Status.QUEUED] * 6

    def test_every_job_is_met_once_also_when_it_is_refused(self, ask: Ask) -> None:
        for _ in range(5):
            ended(Status.CANCELLED, with_source=False)
        total = 0
        left: Walk | None = walk()
        while left is not None:
            found = bulk_retry_service.advance(left, lambda: False)
            total, left = total + found.reasons["source_never_uploaded"], found.remaining
        assert total == 5

    def test_a_second_copy_of_the_message_retries_nothing_twice(self, ask: Ask) -> None:
        made = [ended(Status.FAILED) for _ in range(4)]
        ask("POST", "/jobs/retry", {"filter": {}})
        told = messages()
        assert work_off(told) > 1
        for job_id in made:
            transition_store.transition(job_id, Status.FAILED)  # again
        assert work_off(told) > 1
        assert [(job_store.get(job_id).status, job_store.get(job_id).attempt) for job_id in made] == [
            (Status.FAILED, 2)
        ] * 4

    def test_what_ends_after_the_question_is_not_meant(self, ask: Ask) -> None:
        asked = walk().model_copy(update={"requested_at": "2026-01-01T00:00:00.000Z"})
        job_id = ended(Status.FAILED)
        with calls() as sent:
            assert bulk_retry_service.advance(asked, lambda: True).document.model_dump() == done(0)
        assert set(sent) == {"Query"}
        assert statuses(job_id) == [Status.FAILED]
