"""Sources in S3: who may name which, at creation and when they are fetched."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from mediajobs.accounts import source_bucket_store
from mediajobs.accounts.source_buckets import MAX_ENTRIES
from mediajobs.commands import creation_service
from mediajobs.errors import Conflict, JobError
from mediajobs.jobs.schemas import CreateJob
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import store_source
from statemachine.tasks.context import TaskContext
from tests.support import aws_calls
from tests.support.task_context import job

FILM = b"film" * 1000
pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MediaBucket:
    """The media bucket, beside two that the service may read and one that it may not."""
    monkeypatch.setenv("SOURCE_BUCKETS", "studio, archive,media")
    media = MediaBucket.from_environment()
    for name in ("studio", "archive", "vault"):
        media.client.create_bucket(Bucket=name)
        media.client.put_object(Bucket=name, Key="acme/film", Body=FILM)
    return media


def wanting(bucket: MediaBucket, url: str, account: str = "acme") -> TaskContext:
    context = job(bucket, b"")
    bucket.delete(f"sources/{context.job_id}/source")
    return replace(context, source_url=url, account=account)


def refusal(bucket: MediaBucket, url: str, account: str = "acme") -> str:
    """The messages of both checks, which must agree: that of the request, and that of the task."""
    with pytest.raises(creation_service.RefusedSourceUrl) as refused:
        creation_service.prepare(account, CreateJob(filename="a.mp4", source_url=url))
    context = wanting(bucket, url, account)
    with pytest.raises(JobError) as failed:
        store_source.store(context)
    assert (failed.value.code, failed.value.retryable) == ("source_forbidden_address", False)
    assert bucket.size(f"sources/{context.job_id}/source") is None
    assert failed.value.message in str(refused.value)
    return failed.value.message


def fetched(bucket: MediaBucket, url: str, account: str = "acme") -> Any:
    creation_service.prepare(account, CreateJob(filename="a.mp4", source_url=url))
    return store_source.store(wanting(bucket, url, account)).sha256


def test_by_default_an_account_may_read_nothing(bucket: MediaBucket) -> None:
    message = refusal(bucket, "s3://studio/acme/film")
    assert "it may read no bucket" in message
    assert "Ask the operator" in message


def test_an_account_reads_what_is_its_own(bucket: MediaBucket) -> None:
    source_bucket_store.change("acme", allow=["studio/acme/", "archive"])
    digest = hashlib.sha256(FILM).hexdigest()
    assert fetched(bucket, "s3://studio/acme/film") == digest
    assert fetched(bucket, "s3://archive/acme/film") == digest


def test_another_account_does_not(bucket: MediaBucket) -> None:
    source_bucket_store.change("acme", allow=["studio/acme"])
    source_bucket_store.change("other", allow=["studio/other"])
    message = refusal(bucket, "s3://studio/acme/film", "other")
    assert "it may read studio/other." in message
    assert "archive" not in message


@pytest.mark.parametrize(
    "url",
    [
        "s3://studio/acme2/film",
        "s3://studio/acme/../other/film",
        "s3://studio/acme/%2e%2e/other/film",
        "s3://studio//acme/film",
        "s3://archive/acme/film",
        "s3://vault/acme/film",
        "s3://media/sources/01JOB000000000000000000001/source",
    ],
)
def test_no_path_leads_beside_an_entry(bucket: MediaBucket, url: str) -> None:
    source_bucket_store.change("acme", allow=["studio/acme", "vault", "media"])  # the last two are out of bounds
    refusal(bucket, url)


def test_what_was_forbidden_after_the_job_was_created_is_not_fetched(bucket: MediaBucket) -> None:
    source_bucket_store.change("acme", allow=["studio"])
    creation_service.prepare("acme", CreateJob(filename="a.mp4", source_url="s3://studio/acme/film"))
    source_bucket_store.change("acme", forbid=["studio"])
    refusal(bucket, "s3://studio/acme/film")


@pytest.mark.parametrize("key", ["missing", "acme"])
def test_an_object_that_is_not_there_is_named(bucket: MediaBucket, key: str) -> None:
    source_bucket_store.change("acme", allow=["studio"])
    with pytest.raises(JobError) as caught:
        store_source.store(wanting(bucket, f"s3://studio/{key}"))
    assert caught.value.code == "source_not_found"


def test_an_account_has_a_bounded_list(bucket: MediaBucket) -> None:
    source_bucket_store.change("acme", allow=[f"studio/{number}" for number in range(MAX_ENTRIES)])
    with pytest.raises(Conflict, match="Allow a folder above"):
        source_bucket_store.change("acme", allow=["archive"])
    source_bucket_store.change("acme", allow=["archive"], forbid=["studio/7"])
    assert len(source_bucket_store.read("acme")) == MAX_ENTRIES
    assert "and others" in refusal(bucket, "s3://studio/7")


def test_a_job_without_such_a_source_costs_no_read(bucket: MediaBucket) -> None:
    for url, reads in ((None, 0), ("https://example.com/a", 0), ("s3://studio/a", 1)):
        source_bucket_store.change("acme", allow=["studio"])
        with aws_calls.calls() as sent:
            creation_service.prepare("acme", CreateJob(filename="a.mp4", source_url=url))
        assert sent == ["GetItem"] * reads
