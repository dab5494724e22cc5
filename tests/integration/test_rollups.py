"""Statistics equal a recount, whatever becomes of the events."""

import itertools
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs import tallies
from mediajobs.events import event_of
from mediajobs.jobs import Job
from mediajobs.life import TERMINAL, Status
from mediajobs.stores import bulk, jobs, names, rollups
from mediajobs.stores.rows import JobRow
from mediajobs.times import parse, rfc3339
from tests.conftest import template
from tests.doors import load

pytestmark = pytest.mark.usefixtures("cloud")
START = datetime(2026, 3, 1, tzinfo=UTC)
ALWAYS = (0, tallies.EPOCH_END - 1)


def create(job_id: str, account: str, seconds: float = 0, batch_id: str | None = None) -> None:
    moment = rfc3339(START + timedelta(seconds=seconds))
    fields = {"job_id": job_id, "account": account, "batch_id": batch_id, "status": Status.PENDING, "filename": "a"}
    jobs.create(Job.model_validate(fields | {"created_at": moment, "updated_at": moment}))


def of_batch(account: str, batch_id: str) -> Counter[str]:
    (images,) = bulk.read(rollups.wanted_of_batch(account, batch_id))
    return rollups.sums(images)


def recount(ids: list[str], account: str, first: int, last: int) -> Counter[str]:
    """The same, the slow way."""
    rows = [jobs.get(job_id) for job_id in ids if JobRow.count(job_id)]
    mine = [job for job in rows if job.account == account]
    inside = [job for job in mine if first <= tallies.milliseconds(parse(job.created_at)) <= last]
    return +tallies.added(tallies.of_job(job) for job in inside)


def fulfil(wish: Status | str | None, job: Job, seed: random.Random) -> None:
    if wish is None:
        JobRow(job.job_id, "job").delete()
    elif isinstance(wish, Status):
        jobs.transition(job.job_id, wish, retry=wish is Status.QUEUED and bool(seed.getrandbits(1)))
    elif job.status not in TERMINAL:
        jobs.set_priority(job, 1 + seed.randrange(10))


_ROW = {"version": 1, "attempt": 1, "priority": 5, "filename": "a", "updated_at": ""}
runs = map(str, itertools.count())
wishes = st.sampled_from([Status.QUEUED, Status.FAILED, Status.CANCELLED, "other priority", None])


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), wishes), max_size=12),
    seed=st.randoms(use_true_random=False),
    span=st.tuples(st.integers(0, 4000), st.integers(0, 4000)).map(sorted),
)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_they_equal_a_recount_after_copies_reorderings_and_deletions(
    steps: list[tuple[int, Any]], seed: random.Random, span: list[int]
) -> None:
    run = next(runs)
    ids = [f"{run}-{number}" for number in range(4)]
    events = list(ids)
    for number, job_id in enumerate(ids):
        create(job_id, f"{run}-{number % 2}", seconds=number * 1.1, batch_id="b" if number else None)
    for number, wish in steps:
        if not JobRow.count(ids[number]):
            continue
        fulfil(wish, jobs.get(ids[number]), seed)
        events.append(ids[number])
        if seed.getrandbits(1):  # some are handled at once, all of them again later, in any order
            rollups.count(ids[number])
    seed.shuffle(events)
    for job_id in events + events[:3]:
        rollups.count(job_id)
    first, last = (tallies.milliseconds(START) + bound for bound in span)
    for account in (f"{run}-0", f"{run}-1"):
        assert +rollups.read(account, *ALWAYS) == recount(ids, account, *ALWAYS)
        assert +rollups.read(account, first, last) == recount(ids, account, first, last)
        assert +of_batch(account, "b") == recount(ids[1:], account, *ALWAYS)


def test_a_slow_handler_never_takes_a_newer_count_back(monkeypatch: pytest.MonkeyPatch) -> None:
    create("J", "acme")
    read = jobs.get
    raced: list[str] = []

    def slow(job_id: str) -> Job:
        old = read(job_id)
        if not raced:
            raced.append(job_id)
            jobs.transition(job_id, Status.FAILED)
            rollups.count(job_id)
        return old

    monkeypatch.setattr("mediajobs.stores.jobs.get", slow)
    rollups.count("J")
    assert +rollups.read("acme", *ALWAYS) == {"jobs.failed.5": 1}


def record(job_id: str) -> dict[str, Any]:
    """A message of the queue."""
    told = event_of({}, {"item": "job", "job_id": job_id, "account": "acme", "status": "pending"} | _ROW)
    assert told is not None
    body = json.dumps({"detail-type": told.name, "detail": told.model_dump()})
    fields = dict.fromkeys(("receiptHandle", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion"), "")
    return fields | {"messageId": job_id, "body": body, "attributes": {}, "messageAttributes": {}}


def test_a_batch_of_which_nothing_can_be_written_ends_in_time_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    function = template()["Resources"]["RollupsFunction"]["Properties"]
    seconds = function.get("Timeout", template()["Globals"]["Function"]["Timeout"])
    ids = [f"busy-{number}" for number in range(function["Events"]["Changed"]["Properties"]["BatchSize"])]
    for job_id in ids:
        create(job_id, "acme")
    slept: list[float] = []
    monkeypatch.setattr("mediajobs.stores.rollups.time.sleep", slept.append)
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)
    monkeypatch.setattr(rollups, "_written", lambda *_: False)
    with pytest.raises(BatchProcessingError):  # since all of it failed
        load("rollups").roll_up({"Records": [record(job_id) for job_id in ids]}, None)
    assert len(slept) >= 5 * len(ids)
    assert sum(slept) < 0.6 * seconds


def test_the_door_counts_what_the_bus_sends_and_names_what_must_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    create("J", "acme")
    count = rollups.count

    def broken(job_id: str) -> bool:
        if job_id == "K":
            raise TimeoutError
        return count(job_id)

    monkeypatch.setattr(rollups, "count", broken)
    answer = load("rollups").roll_up({"Records": [record("J"), record("K")]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "K"}]}
    assert +rollups.read("acme", *ALWAYS) == {"jobs.pending.5": 1}
    assert names.having("acme", "a") == {"J"}


def test_reading_costs_the_same_for_few_jobs_and_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    client = bulk._client()
    fetch = client.batch_get_item

    def counted(**request: Any) -> Any:
        calls.append(len(request["RequestItems"]["TalliesTable"]["Keys"]))
        return fetch(**request)

    monkeypatch.setattr(client, "batch_get_item", counted)
    first, last = tallies.milliseconds(START) + 1, tallies.milliseconds(START) + 86_400_000 - 7
    costs = []
    for number in (1, 40):
        for job in range(number):
            create(f"J{number}-{job}", "acme", seconds=job)
            rollups.count(f"J{number}-{job}")
        rollups.read("acme", first, last)
        costs.append(tuple(calls))
        calls.clear()
    assert costs[0] == costs[1]
    assert len(costs[0]) <= 2
