from decimal import Decimal
from typing import Any

from mediajobs.events import event_of


def row(**values: Any) -> dict[str, Any]:
    fields = {"item": "job", "job_id": "J", "account": "acme", "status": "queued", "version": Decimal(2)}
    return fields | {"attempt": Decimal(1), "priority": Decimal(5), "updated_at": "now"} | values


def test_a_new_version_is_an_event_with_the_same_id_every_time() -> None:
    event = event_of(row(version=1, status="pending"), row())
    assert event is not None
    assert (event.name, event.event_id) == ("job.queued", "J-2")
    assert event == event_of(row(version=1, status="pending"), row())
    created = event_of({}, row(version=1, status="pending"))
    assert created is not None
    assert created.name == "job.pending"


def test_what_is_no_change_of_the_job_is_no_event() -> None:
    assert event_of(row(priority=1), row(priority=9)) is None
    assert event_of({}, {"item": "progress", "job_id": "J", "sequence": 3}) is None


def test_the_end_of_the_row_is_an_event_too() -> None:
    event = event_of(row(status="completed"), {})
    assert event is not None
    assert (event.name, event.event_id, event.account) == ("job.deleted", "J-deleted", "acme")
