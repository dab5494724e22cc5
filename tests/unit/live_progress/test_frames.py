"""What those who watch a job are told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import Progress, TaskProgress
from mediajobs.live_progress.frames import as_events, frame_of, sequence_of
from mediajobs.media.options import Options

EARLY, LATE = "2026-03-01T12:00:00Z", "2026-03-01T12:00:05Z"


def job(status: Status, **fields: Any) -> Job:
    standard = {"job_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "account": "acme", "filename": "talk.mp4", "priority": 5}
    given = standard | {"options": Options(), "created_at": EARLY, "updated_at": EARLY, "status": status} | fields
    return Job.model_validate(given)


def reported(sequence: int, attempt: int = 1, **tasks: TaskProgress) -> Progress:
    return Progress(attempt=attempt, tasks=tasks, sequence=sequence, updated_at=LATE)


def test_a_frame_says_where_the_job_is() -> None:
    running = reported(
        7,
        validate_video=TaskProgress(status="completed", progress=100),
        transcode_360p=TaskProgress(status="running", progress=40),
    )
    frame = frame_of(job(Status.TRANSCODING, version=4), running)
    assert frame.event == "progress"
    assert frame.model_dump(mode="json")["data"] == {
        "job_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "status": "transcoding",
        "current_task": "transcode_360p",
        "progress": 40.0,
        "overall_progress": 50,
        "updated_at": LATE,
        "sequence": 4_000_007,
    }


def test_complete_is_said_of_every_end_and_only_then() -> None:
    for status in Status:
        assert frame_of(job(status), None).is_last is (status in TERMINAL)
    assert frame_of(job(Status.COMPLETED), None).data.progress == 100


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=30))
def test_the_sequence_grows_with_every_report_and_every_change_over_all_attempts(steps: list[tuple[bool, int]]) -> None:
    version, attempt, reports = 1, 1, 0
    seen = [sequence_of(job(Status.QUEUED), None)]
    for changes, new_attempt in steps:
        if changes:
            version += 1
            if new_attempt == 3:
                attempt, reports = attempt + 1, 0
        else:
            reports += 1
        found = sequence_of(
            job(Status.PROCESSING, version=version, attempt=attempt), reported(reports, attempt=attempt)
        )
        if changes or reports:
            assert found > seen[-1]
        seen.append(found)


def test_what_an_earlier_attempt_reported_counts_no_more() -> None:
    again = job(Status.QUEUED, version=6, attempt=2)
    assert sequence_of(again, reported(500, attempt=1)) == sequence_of(again, None) == 6_000_000


def test_more_reports_than_there_are_numbers_never_reach_the_next_version() -> None:
    assert sequence_of(job(Status.PROCESSING, version=2), reported(10**7)) < sequence_of(
        job(Status.FAILED, version=3), None
    )


def test_an_event_stream_tells_a_state_once_and_its_end_by_both_names() -> None:
    going, ended = frame_of(job(Status.QUEUED, version=2), None), frame_of(job(Status.FAILED, version=3), None)
    data = going.data.model_dump_json()
    assert as_events(going, None) == f"retry: 2000\nid: 2000000\nevent: progress\ndata: {data}\n\n"
    assert as_events(going, "2000000") == "retry: 2000\n\n"
    last = as_events(ended, "2000000")
    assert last is not None
    assert [line for line in last.splitlines() if line[:3] in ("id:", "eve")] == [
        "id: 3000000", "event: progress", "id: 3000000", "event: complete"
    ]  # fmt: skip
    assert as_events(ended, "3000000") is None
