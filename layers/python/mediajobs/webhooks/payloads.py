"""The payloads of webhooks, and the ids of messages and deliveries.

Ids are derived from the event, so that copies of an event lead to the same delivery.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ulid import ULID

from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.lifecycle import RUNNING, TERMINAL, Status
from mediajobs.media.outputs import MEDIA_FILES, TRANSCRIPTS
from mediajobs.media.renditions import RENDITIONS, documented_renditions
from mediajobs.timestamps import rfc3339

COMPLETED, FAILED, PROGRESS, CANCELLED = "job.completed", "job.failed", "job.progress", "job.cancelled"
TEST = "webhook.test"


def event_name(status: str) -> str | None:
    """Returns the webhook event of a job's new status; None if there is no such event."""
    if status in TERMINAL:
        return f"job.{status}"
    return PROGRESS if status in RUNNING else None


def payload(event: JobEvent, progress: int | None) -> dict[str, Any]:
    """Returns the document that is sent. `progress`: of the whole job in percent, None if it is not known any more."""
    name = event_name(event.status)
    data: dict[str, Any] = {
        "filename": event.filename,
        "duration_seconds": event.duration_seconds,
        "progress": 100 if event.status == Status.COMPLETED else progress,
    }
    if name == COMPLETED:
        data["outputs"] = _outputs(event)
    if name == FAILED:
        failure = event.error or {}
        data |= {"error": failure.get("message"), "error_code": failure.get("code")}
    return {
        "event": name,
        "job_id": event.job_id,
        "status": event.status,
        "timestamp": event.updated_at,
        "data": data,
    }


def test_payload(now: datetime) -> dict[str, Any]:
    """Returns the document that `POST /webhooks/{id}/test` sends."""
    message = "This is a test. Verify the signature, answer 2xx, and your endpoint is ready."
    return {"event": TEST, "job_id": None, "status": None, "timestamp": rfc3339(now), "data": {"message": message}}


def serialise(document: Mapping[str, Any]) -> str:
    """Returns the text that is signed and sent at every attempt; its keys are sorted."""
    return json.dumps(document, sort_keys=True)


def message_id(event_id: str, moment: datetime) -> str:
    """Returns the header `webhook-id`: the same for every endpoint, attempt and copy of an event."""
    return f"msg_{_derived(moment, event_id)}"


def delivery_id(event_id: str, webhook_id: str, moment: datetime) -> str:
    """Returns the delivery's id: the same for every copy of an event. Ids sort by the time of their events."""
    return f"dl_{_derived(moment, event_id, webhook_id)}"


def first_delivery_id(moment: datetime) -> str:
    """Returns the lowest id that a delivery of this moment can have."""
    return f"dl_{ULID.from_bytes(_sortable_time(moment) + bytes(10))}"


def _outputs(event: JobEvent) -> dict[str, Any]:
    """Paths of this API; null for what was not made. One that is not made by default is there if it was made."""

    def path(name: str) -> str | None:
        return f"/jobs/{event.job_id}/download/{name}" if name in event.outputs else None

    transcripts = {form: path(f"transcript_{form}") for form in TRANSCRIPTS}
    return {
        **{name: path(name) for name in documented_renditions(event.outputs)},
        **{name: path(name) for name in MEDIA_FILES if name not in RENDITIONS},
        "transcription": transcripts if any(transcripts.values()) else None,
    }


def _derived(moment: datetime, *words: str) -> ULID:
    digest = hashlib.sha256("\n".join(words).encode()).digest()
    return ULID.from_bytes(_sortable_time(moment) + digest[:10])


def _sortable_time(moment: datetime) -> bytes:
    return int(moment.timestamp() * 1000).to_bytes(6, "big")
