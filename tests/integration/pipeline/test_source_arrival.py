"""What is stored is what was announced and what is counted: uploads past their size, past a quota, late, twice."""

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from mediajobs.accounts import quota_store
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.pipeline import source_arrival_service
from mediajobs.pipeline.source_arrival_service import Arrival
from mediajobs.statistics import counter_store
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.upload_plan import MAX_SINGLE_BYTES
from tests.support.deployment import Deployment

MEGABYTE = 10**6


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    made = Deployment(("acme",))
    yield made
    made.close()


def create(deployment: Deployment, **fields: Any) -> dict[str, Any]:
    answer = deployment.ask("acme", "POST", "/jobs", {"filename": "a.mp4", **fields})
    assert answer.status in (201, 202), answer.body
    document: dict[str, Any] = answer.body
    return document


def created(deployment: Deployment, **fields: Any) -> str:
    return str(create(deployment, **fields)["job_id"])


def arrive(deployment: Deployment, job_id: str, size: int) -> Arrival:
    """A small object stands for one of `size` bytes, which is what S3 tells."""
    deployment.upload(job_id, min(size, 10))
    return source_arrival_service.handle(job_id, size)


def is_stored(job_id: str) -> bool:
    listed = boto3.client("s3").list_objects_v2(Bucket="media", Prefix=source_key(job_id))
    return bool(listed["KeyCount"])


def counted() -> int:
    for item in boto3.client("dynamodb").scan(TableName="JobsTable")["Items"]:
        counter_store.update_counters(item["job_id"]["S"])
    return counter_store.read("acme", 0, 2**42)["source_bytes"]


def failed(job_id: str) -> tuple[Status, str | None, int | None]:
    job: Job = job_store.get(job_id)
    return job.status, job.error.code if job.error else None, job.size_bytes


@pytest.mark.parametrize("fields", [{"size_bytes": 10}, {"size_bytes": 10, "content_type": "a/b"}])
def test_the_length_is_signed_into_the_url_of_a_single_upload(deployment: Deployment, fields: dict[str, Any]) -> None:
    upload = create(deployment, **fields)["upload"]
    (signed,) = parse_qs(urlsplit(upload["url"]).query)["X-Amz-SignedHeaders"]
    assert "content-length" in signed.split(";")
    assert upload["headers"]["Content-Length"] == str(fields["size_bytes"])
    assert upload["max_bytes"] == fields["size_bytes"]


def test_the_length_is_signed_into_the_url_of_each_part(deployment: Deployment) -> None:
    for part in create(deployment, size_bytes=250 * MEGABYTE)["upload"]["parts"]:
        (signed,) = parse_qs(urlsplit(part["url"]).query)["X-Amz-SignedHeaders"]
        assert signed.split(";") == ["content-length", "host"]


def test_an_upload_without_a_size_has_a_stated_maximum(deployment: Deployment) -> None:
    upload = create(deployment)["upload"]
    assert upload["max_bytes"] == MAX_SINGLE_BYTES
    assert "Content-Length" not in upload["headers"]


def test_four_jobs_that_announced_ten_bytes_store_nothing_more(deployment: Deployment) -> None:
    quota_store.change("acme", {"stored_bytes": 60 * MEGABYTE})
    jobs = [created(deployment, size_bytes=10) for _ in range(4)]
    for job_id, _ in itertools.product(jobs, range(2)):  # events come at least once
        assert arrive(deployment, job_id, 30 * MEGABYTE) is Arrival.REFUSED
        assert failed(job_id) == (Status.FAILED, "source_size_mismatch", None)
    assert not any(map(is_stored, jobs))
    assert counted() == 0


@pytest.mark.parametrize("size", [9, 11])
def test_exactly_the_announced_size_is_taken(deployment: Deployment, size: int) -> None:
    exact, other = created(deployment, size_bytes=10), created(deployment, size_bytes=10)
    assert arrive(deployment, exact, 10) is Arrival.STARTED
    assert arrive(deployment, other, size) is Arrival.REFUSED
    message = job_store.get(other).error
    assert message is not None
    assert f"{size} bytes, and 10 were announced. Create the job anew" in message.message


def test_a_size_that_was_not_announced_has_a_maximum(deployment: Deployment) -> None:
    largest, larger = created(deployment), created(deployment)
    assert arrive(deployment, largest, MAX_SINGLE_BYTES) is Arrival.STARTED
    assert arrive(deployment, larger, MAX_SINGLE_BYTES + 1) is Arrival.REFUSED
    assert failed(larger) == (Status.FAILED, "source_too_large", None)
    assert not is_stored(larger)


def test_a_size_that_was_not_announced_has_to_fit_when_it_comes(deployment: Deployment) -> None:
    quota_store.change("acme", {"stored_bytes": 60 * MEGABYTE})
    jobs = [created(deployment) for _ in range(4)]
    arrivals = []
    for job_id in jobs:
        arrivals.append(arrive(deployment, job_id, 25 * MEGABYTE))
        counted()
    assert arrivals == [Arrival.STARTED, Arrival.STARTED, Arrival.REFUSED, Arrival.REFUSED]
    assert failed(jobs[3]) == (Status.FAILED, "storage_quota_exceeded", None)
    assert [is_stored(job_id) for job_id in jobs] == [True, True, False, False]
    assert counted() == 50 * MEGABYTE


def test_a_copy_of_an_event_changes_nothing(deployment: Deployment) -> None:
    job_id = created(deployment, size_bytes=7)
    assert [arrive(deployment, job_id, 7) for _ in range(3)] == [Arrival.STARTED, Arrival.KNOWN, Arrival.KNOWN]
    assert is_stored(job_id)
    for status in (Status.CANCELLED, Status.QUEUED):
        transition_store.transition(job_id, status, retry=status is Status.QUEUED)
        assert arrive(deployment, job_id, 7) is Arrival.KNOWN
    assert is_stored(job_id)


def test_a_second_put_of_another_size_leaves_nothing(deployment: Deployment) -> None:
    """S3 refuses it by If-None-Match; another store may not."""
    job_id = created(deployment)
    assert arrive(deployment, job_id, 7) is Arrival.STARTED
    assert arrive(deployment, job_id, 30 * MEGABYTE) is Arrival.REMOVED
    assert not is_stored(job_id)


@pytest.mark.parametrize("order", [(7, 9), (9, 7)])
def test_two_puts_whose_events_come_in_any_order_leave_one_source_at_most(
    deployment: Deployment, order: tuple[int, int]
) -> None:
    job_id = created(deployment, size_bytes=7)
    deployment.upload(job_id, 9)
    for size in order:
        source_arrival_service.handle(job_id, size)
    assert not is_stored(job_id)


@pytest.mark.parametrize("end", [Status.CANCELLED, Status.FAILED])
def test_what_comes_after_the_end_of_a_job_is_removed(deployment: Deployment, end: Status) -> None:
    job_id = created(deployment, size_bytes=7)
    transition_store.transition(job_id, end, attempt=1)
    for _ in range(2):
        assert arrive(deployment, job_id, 7) is Arrival.REMOVED
        assert not is_stored(job_id)
    assert counted() == 0
    assert deployment.ask("acme", "POST", f"/jobs/{job_id}/retry").status == 409


def test_a_source_that_a_retry_took_is_not_removed_by_its_late_event(deployment: Deployment) -> None:
    job_id = created(deployment, size_bytes=7)
    deployment.upload(job_id, 7)
    transition_store.transition(job_id, Status.CANCELLED, attempt=1)
    assert deployment.ask("acme", "POST", f"/jobs/{job_id}/retry").status == 202
    assert source_arrival_service.handle(job_id, 7) is Arrival.KNOWN
    assert is_stored(job_id)


def test_a_retry_takes_no_source_past_the_quota(deployment: Deployment) -> None:
    job_id = created(deployment)
    deployment.upload(job_id, 20)
    transition_store.transition(job_id, Status.CANCELLED, attempt=1)
    quota_store.change("acme", {"stored_bytes": 10})
    assert deployment.ask("acme", "POST", f"/jobs/{job_id}/retry").status == 403


def test_a_source_that_the_service_fetched_is_its_own(deployment: Deployment) -> None:
    job_id = created(deployment, source_url="https://example.com/a.mp4", size_bytes=5)
    assert arrive(deployment, job_id, 30 * MEGABYTE) is Arrival.KNOWN
    assert is_stored(job_id)


def test_who_is_cancelled_while_a_source_arrives_keeps_nothing(deployment: Deployment) -> None:
    for after in range(6):
        job_id = created(deployment, size_bytes=7)
        deployment.upload(job_id, 7)
        deployment.interleaved(
            lambda job=job_id: source_arrival_service.handle(job, 7),  # type: ignore[misc]
            lambda job=job_id: transition_store.transition(job, Status.CANCELLED),  # type: ignore[misc]
            after=after,
        )
        job = job_store.get(job_id)
        assert job.status is Status.CANCELLED
        assert is_stored(job_id) == (job.size_bytes == 7), "counted, or removed"
