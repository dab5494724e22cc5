from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs import timestamps
from mediajobs.jobs import contribution
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job, OutputSummary
from mediajobs.media.source import SourceFacts
from mediajobs.statistics import counters, time_blocks
from mediajobs.statistics.schemas import statistics

moments = st.integers(0, time_blocks.EPOCH_END - 1)
spans = st.tuples(moments, moments).map(sorted)
SOURCE = SourceFacts(container="mp4", duration_seconds=8.5, size_bytes=700, sha256="", video=None, audio=None)


@given(spans, moments)
def test_a_span_covers_just_the_moments_in_it_and_each_once(span: list[int], moment: int) -> None:
    first, last = span
    hits = len(set(time_blocks.blocks_between(first, last)) & set(time_blocks.blocks_of(moment)))
    assert hits == (first <= moment <= last)


@given(spans)
def test_its_own_ends_belong_to_a_span_and_their_neighbours_do_not(span: list[int]) -> None:
    first, last = span
    blocks = set(time_blocks.blocks_between(first, last))
    for moment, inside in ((first, 1), (last, 1), (first - 1, 0), (last + 1, 0)):
        if 0 <= moment < time_blocks.EPOCH_END:
            assert len(blocks & set(time_blocks.blocks_of(moment))) == inside


@given(spans)
def test_a_span_of_any_length_takes_fewer_than_200_blocks(span: list[int]) -> None:
    blocks = list(time_blocks.blocks_between(*span))
    assert len(blocks) == len(set(blocks)) < 200


def test_all_time_is_one_block() -> None:
    assert len(list(time_blocks.blocks_between(-5, 10**20))) == 1
    assert list(time_blocks.blocks_between(7, 6)) == []


counts = st.dictionaries(st.sampled_from(["jobs.failed.5", "media_ms", "x"]), st.integers(0, 10**15))


@given(counts, counts)
def test_a_change_leads_from_some_counts_to_others(before: dict[str, int], after: dict[str, int]) -> None:
    reached = counters.total_of([before, counters.difference(before, after)])
    assert {name: number for name, number in reached.items() if number} == {
        name: number for name, number in after.items() if number
    }


def test_a_completed_job_counts_with_its_work() -> None:
    source = SourceFacts(container="mp4", duration_seconds=8.5, size_bytes=900, sha256="", video=None, audio=None)
    job = Job(
        job_id="J",
        account="a",
        status=Status.COMPLETED,
        priority=7,
        filename="a",
        created_at="",
        updated_at="",
        source=source,
        outputs={"360p": OutputSummary(available=True, size_bytes=300)},
        processing_time={"total_seconds": 2.25},
    )
    assert +contribution.counts_of(job) == {
        "jobs.completed.7": 1, "output_bytes": 300, "source_bytes": 900, "processing_ms": 2250, "media_ms": 8500,
        "transcoded_ms": 8500,
    }  # fmt: skip
    assert counters.jobs_by_status(contribution.counts_of(job)) == dict.fromkeys(Status, 0) | {Status.COMPLETED: 1}
    spoken = job.model_copy(update={"outputs": {"transcript_txt": OutputSummary(available=True, size_bytes=1)}})
    assert {"transcribed_ms": 8500, "transcoded_ms": 0}.items() <= contribution.counts_of(spoken).items()


@pytest.mark.parametrize(("files_kept", "stored"), [(False, (0, 0)), (True, (900, 300))])
def test_a_deleted_job_leaves_its_work_and_the_files_that_were_kept(
    *, files_kept: bool, stored: tuple[int, int]
) -> None:
    counted = {"jobs.completed.7": 1, "source_bytes": 900, "output_bytes": 300, "processing_ms": 5, "media_ms": 8500}
    left = counters.counts_of_deleted(counted | {"transcoded_ms": 8500}, files_kept=files_kept)
    assert counters.has_deleted_job(left)
    assert not counters.has_deleted_job(counted)
    assert counters.jobs_of(left) == 0
    assert statistics(left, None, None) == statistics({}, None, None)
    used = counters.including_deleted(counters.total_of([left, {"media_ms": 1, "source_bytes": 2}]))
    assert (used["media_ms"], used["transcoded_ms"], used["transcribed_ms"], used["processing_ms"]) == (
        8501,
        8500,
        0,
        0,
    )
    assert (used["source_bytes"], used["output_bytes"]) == (stored[0] + 2, stored[1])


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"status": Status.PENDING, "size_bytes": 900}, 900),  # on its way
        ({"status": Status.FAILED, "size_bytes": 900}, 900),  # it came, and could not be used
        ({"status": Status.QUEUED, "size_bytes": 900, "source_url": "https://example.com/a"}, 0),
        ({"status": Status.FAILED, "size_bytes": 900, "source_url": "https://example.com/a"}, 0),
        ({"status": Status.FAILED, "size_bytes": 900, "source_url": "https://example.com/a", "source": SOURCE}, 700),
    ],
)
def test_a_source_counts_when_it_is_stored_or_on_its_way(fields: dict[str, Any], counted: int) -> None:
    job = Job.model_validate(
        {"job_id": "J", "account": "a", "filename": "a", "created_at": "", "updated_at": ""} | fields
    )
    assert contribution.counts_of(job)["source_bytes"] == counted


def test_jobs_are_found_by_status_and_priority() -> None:
    counts = {"jobs.failed.5": 2, "jobs.failed.10": 3, "jobs.queued.10": 4, "media_ms": 100}
    assert counters.jobs_of(counts) == 9
    assert counters.jobs_of(counts, [Status.FAILED]) == 5
    assert counters.jobs_of(counts, priority=10) == 7
    assert counters.jobs_of(counts, [Status.FAILED, Status.CANCELLED], 5) == 2
    assert counters.jobs_by_status(counts)[Status.FAILED] == 5


@given(st.integers(0, 2**41))
def test_milliseconds_are_those_of_the_written_time(number: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
    assert timestamps.to_milliseconds(moment) == number
