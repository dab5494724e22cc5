import json
from decimal import Decimal
from typing import Any

from mediajobs.jobs.events import event_of


def row(**values: Any) -> dict[str, Any]:
    fields = {"item": "job", "job_id": "J", "account": "acme", "status": "queued", "version": Decimal(2)}
    fields |= {
        "attempt": Decimal(1),
        "priority": Decimal(5),
        "updated_at": "now",
        "filename": "a.mp4",
        "created_at": "then",
    }
    return fields | values


def test_a_new_version_is_an_event_with_the_same_id_every_time() -> None:
    event = event_of(row(version=1, status="pending"), row())
    assert event is not None
    assert (event.name, event.event_id) == ("job.queued", "J-2")
    assert event == event_of(row(version=1, status="pending"), row())
    created = event_of({}, row(version=1, status="pending"))
    assert created is not None
    assert created.name == "job.pending"


def test_what_is_no_change_of_the_job_is_no_event() -> None:
    assert event_of(row(updated_at="before"), row()) is None
    assert event_of({}, {"item": "progress", "job_id": "J", "sequence": 3}) is None


def test_another_priority_is_told_and_a_way_there_and_back_is_two_events() -> None:
    up = event_of(row(priority=1), row(priority=9, updated_at="10:00"))
    back = event_of(row(priority=9, updated_at="10:00"), row(priority=1, updated_at="10:01"))
    again = event_of(row(priority=1, updated_at="10:01"), row(priority=9, updated_at="10:02"))
    assert up is not None
    assert back is not None
    assert again is not None
    assert (up.name, up.event_id, up.priority) == ("job.prioritised", "J-2-p9-10:00", 9)
    assert len({up.event_id, back.event_id, again.event_id}) == 3


def test_what_validation_found_is_told_once() -> None:
    event = event_of(row(status="processing"), row(status="processing", source="{}"))
    assert event is not None
    assert (event.name, event.event_id) == ("job.validated", "J-2-validated")
    assert event_of(row(source="{}"), row(source="{}")) is None


def test_an_event_carries_the_file_name_and_the_batch() -> None:
    event = event_of({}, row(version=1, batch_id="b"))
    assert event is not None
    assert (event.filename, event.batch_id, event.version) == ("a.mp4", "b", 1)


def test_the_end_of_the_row_is_an_event_too() -> None:
    event = event_of(row(status="completed"), {})
    assert event is not None
    assert (event.name, event.event_id, event.account) == ("job.deleted", "J-deleted", "acme")


def test_the_last_event_carries_what_the_job_had_added_to_the_sums() -> None:
    facts = {"container": "mp4", "duration_seconds": 8.5, "size_bytes": 700, "sha256": "", "video": None, "audio": None}
    outputs = {"360p": {"available": True, "size_bytes": 30}, "720p": {"available": False, "reason": "small"}}
    kept = {"source": facts, "outputs": outputs, "processing_time": {"total_seconds": 2.5}, "error": None}
    texts = {name: json.dumps(value) for name, value in kept.items()}
    event = event_of(row(status="completed", size_bytes=Decimal(700), **texts), {})
    assert event is not None
    assert event.created_at == "then"
    assert event.counted == {
        "jobs.completed.5": 1, "source_bytes": 700, "output_bytes": 30, "media_ms": 8500, "transcoded_ms": 8500,
        "processing_ms": 2500,
    }  # fmt: skip
    announced = event_of(row(status="cancelled"), {})
    assert announced is not None
    assert announced.counted == {"jobs.cancelled.5": 1}
