"""Statistics equal a recount, whatever becomes of the events."""

import itertools
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs import timestamps
from mediajobs.aws import batch_items, dynamodb
from mediajobs.jobs import contribution, job_store, transition_store
from mediajobs.jobs.events import JobEvent, event_of
from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.tables import DELETED, JOB, DeletedRow, JobRow
from mediajobs.listing import name_index_store
from mediajobs.statistics import counter_store, counters, time_blocks
from mediajobs.timestamps import parse_rfc3339, to_milliseconds
from tests.support.functions import load
from tests.support.jobs import create_job
from tests.support.template import template

pytestmark = pytest.mark.usefixtures("cloud")
START = datetime(2026, 3, 1, tzinfo=UTC)
ALWAYS = (0, time_blocks.EPOCH_END - 1)


def create(job_id: str, account: str, seconds: float = 0, batch_id: str | None = None) -> None:
    at = to_milliseconds(START + timedelta(seconds=seconds))
    create_job(at=at, job_id=job_id, account=account, batch_id=batch_id, filename="a")


def of_batch(account: str, batch_id: str) -> Counter[str]:
    (images,) = batch_items.read(counter_store.batch_request(account, batch_id))
    return counter_store.sums_of(images)


Heard = tuple[str, JobEvent | None]
Gone = dict[str, tuple[Job, bool]]  # deleted jobs by id, and whether their files were kept


def recount(ids: list[str], gone: Gone, account: str, first: int, last: int) -> Counter[str]:
    """The same, the slow way."""
    there = [job_store.get(job_id) for job_id in ids if job_id not in gone]
    counted = [(job, contribution.counts_of(job)) for job in there]
    counted += [
        (job, counters.counts_of_deleted(contribution.counts_of(job), files_kept=kept)) for job, kept in gone.values()
    ]
    mine = [each for each in counted if each[0].account == account and each[0].job_id in ids]
    return +counters.total_of(
        counts for job, counts in mine if first <= timestamps.to_milliseconds(parse_rfc3339(job.created_at)) <= last
    )


def delete(job_id: str, *, files_kept: bool) -> JobEvent:
    """As a deletion leaves the table. Gives its event."""
    key = {"job_id": {"S": job_id}, "item": {"S": JOB}}
    item = boto3.client("dynamodb").delete_item(TableName="JobsTable", Key=key, ReturnValues="ALL_OLD")["Attributes"]
    if not files_kept:
        DeletedRow(job_id, DELETED, expires=1).save()
    event = event_of({name: TypeDeserializer().deserialize(value) for name, value in item.items()}, {})
    assert event is not None
    return event


def complete(job: Job) -> None:
    facts = {"container": "mp4", "duration_seconds": 8.5, "size_bytes": 700, "sha256": "", "video": None, "audio": None}
    done = {"360p": {"available": True, "size_bytes": 30}, "transcript_txt": {"available": True, "size_bytes": 4}}
    JobRow(job.job_id, JOB).update(
        [
            *(JobRow.status.set(Status.COMPLETED), JobRow.version.set(job.version + 1)),
            *(JobRow.source.set(facts), JobRow.outputs.set(done), JobRow.processing_time.set({"total_seconds": 2})),
        ]
    )


def fulfil(wish: Status | str, job: Job, seed: random.Random, gone: Gone) -> JobEvent | None:
    """Gives the event of a deletion: of all others only the job's id matters."""
    if wish in ("delete", "delete but keep"):
        kept = wish == "delete but keep"
        gone[job.job_id] = job, kept
        return delete(job.job_id, files_kept=kept)
    if wish is Status.COMPLETED:
        complete(job)
    elif isinstance(wish, Status):
        transition_store.transition(job.job_id, wish, retry=wish is Status.QUEUED and bool(seed.getrandbits(1)))
    elif job.status not in TERMINAL:
        job_store.set_priority(job, 1 + seed.randrange(10))
    return None


def count_all(events: list[Heard]) -> None:
    for job_id, told in events:
        counter_store.update_counters(job_id, told)


_ROW = {"version": 1, "attempt": 1, "priority": 5, "filename": "a", "updated_at": ""}
runs = map(str, itertools.count())
wishes = st.sampled_from(
    [Status.QUEUED, Status.FAILED, Status.CANCELLED, Status.COMPLETED, "other priority", "delete", "delete but keep"]
)


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), wishes), max_size=12),
    seed=st.randoms(use_true_random=False),
    span=st.tuples(st.integers(0, 4000), st.integers(0, 4000)).map(sorted),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_they_equal_a_recount_after_copies_reorderings_and_deletions(
    steps: list[tuple[int, Status | str]], seed: random.Random, span: list[int]
) -> None:
    run = next(runs)
    ids = [f"{run}-{number}" for number in range(4)]
    events: list[Heard] = [(job_id, None) for job_id in ids]
    gone: Gone = {}
    for number, job_id in enumerate(ids):
        create(job_id, f"{run}-{number % 2}", seconds=number * 1.1, batch_id="b" if number else None)
    for number, wish in steps:
        if ids[number] in gone:
            continue
        events.append((ids[number], fulfil(wish, job_store.get(ids[number]), seed, gone)))
        if seed.getrandbits(1):  # some are handled at once, all of them again later, in any order
            counter_store.update_counters(*events[-1])
    seed.shuffle(events)
    count_all(events)
    for job_id in gone:  # for copies that come when the table has forgotten what became of the files
        DeletedRow(job_id, DELETED).delete()
    count_all(events)
    first, last = (timestamps.to_milliseconds(START) + bound for bound in span)
    for account in (f"{run}-0", f"{run}-1"):
        assert +counter_store.read(account, *ALWAYS) == recount(ids, gone, account, *ALWAYS)
        assert +counter_store.read(account, first, last) == recount(ids, gone, account, first, last)
        assert +of_batch(account, "b") == recount(ids[1:], gone, account, *ALWAYS)


def test_a_copy_of_the_last_event_that_comes_a_month_later_changes_nothing() -> None:
    create("J", "acme")
    complete(job_store.get("J"))
    last = delete("J", files_kept=False)
    assert counter_store.update_counters("J", last)
    counted = counter_store.read("acme", *ALWAYS)
    assert counted["deleted.media_ms"] == 8500
    DeletedRow("J", DELETED).delete()  # by its time to live
    assert not counter_store.update_counters("J", last)
    assert not counter_store.update_counters("J")
    assert counter_store.read("acme", *ALWAYS) == counted


def test_a_slow_handler_never_takes_a_newer_count_back(monkeypatch: pytest.MonkeyPatch) -> None:
    create("J", "acme")
    read = job_store.get
    raced: list[str] = []

    def slow(job_id: str) -> Job:
        old = read(job_id)
        if not raced:
            raced.append(job_id)
            transition_store.transition(job_id, Status.FAILED)
            counter_store.update_counters(job_id)
        return old

    monkeypatch.setattr("mediajobs.jobs.job_store.get", slow)
    counter_store.update_counters("J")
    assert +counter_store.read("acme", *ALWAYS) == {"jobs.failed.5": 1}


def record(job_id: str) -> dict[str, Any]:
    """A message of the queue."""
    told = event_of({}, {"item": "job", "job_id": job_id, "account": "acme", "status": "pending"} | _ROW)
    assert told is not None
    body = json.dumps({"detail-type": told.name, "detail": told.model_dump()})
    fields = dict.fromkeys(("receiptHandle", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion"), "")
    return fields | {"messageId": job_id, "body": body, "attributes": {}, "messageAttributes": {}}


def test_a_batch_of_which_nothing_can_be_written_ends_in_time_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    function = template()["Resources"]["StatisticsFunction"]["Properties"]
    seconds = function.get("Timeout", template()["Globals"]["Function"]["Timeout"])
    ids = [f"busy-{number}" for number in range(function["Events"]["Message"]["Properties"]["BatchSize"])]
    for job_id in ids:
        create(job_id, "acme")
    slept: list[float] = []
    monkeypatch.setattr("mediajobs.aws.backoff.time.sleep", slept.append)
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)
    monkeypatch.setattr(counter_store, "_try_write", lambda *_: False)
    with pytest.raises(BatchProcessingError):  # since all of it failed
        load("statistics").update_statistics({"Records": [record(job_id) for job_id in ids]}, None)
    assert len(slept) >= 5 * len(ids)
    assert sum(slept) < 0.6 * seconds


def test_the_door_counts_what_the_bus_sends_and_names_what_must_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    create("J", "acme")
    count = counter_store.update_counters

    def broken(job_id: str, told: JobEvent) -> bool:
        if job_id == "K":
            raise TimeoutError
        return count(job_id, told)

    monkeypatch.setattr(counter_store, "update_counters", broken)
    answer = load("statistics").update_statistics({"Records": [record("J"), record("K")]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "K"}]}
    assert +counter_store.read("acme", *ALWAYS) == {"jobs.pending.5": 1}
    assert name_index_store.jobs_with("acme", "a") == {"J"}


def test_reading_costs_the_same_for_few_jobs_and_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    client = dynamodb.client()
    fetch = client.batch_get_item

    def counted(**request: Any) -> Any:
        calls.append(len(request["RequestItems"]["StatisticsTable"]["Keys"]))
        return fetch(**request)

    monkeypatch.setattr(client, "batch_get_item", counted)
    first, last = timestamps.to_milliseconds(START) + 1, timestamps.to_milliseconds(START) + 86_400_000 - 7
    costs = []
    for number in (1, 40):
        for job in range(number):
            create(f"J{number}-{job}", "acme", seconds=job)
            counter_store.update_counters(f"J{number}-{job}")
        counter_store.read("acme", first, last)
        costs.append(tuple(calls))
        calls.clear()
    assert costs[0] == costs[1]
    assert len(costs[0]) <= 2
