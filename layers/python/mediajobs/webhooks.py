"""Webhook endpoints, and what they are sent."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict
from ulid import ULID

from mediajobs.addresses import is_private_literal
from mediajobs.events import JobEvent
from mediajobs.life import RUNNING, TERMINAL, Status
from mediajobs.times import parse, rfc3339

COMPLETED, FAILED, PROGRESS, CANCELLED = "job.completed", "job.failed", "job.progress", "job.cancelled"
EVENTS = (COMPLETED, FAILED, PROGRESS, CANCELLED)
DEFAULT_EVENTS = (COMPLETED, FAILED)
TEST = "webhook.test"

MOST_ENDPOINTS = 10  # of an account
LONGEST_URL = 2048
_TRANSCRIPTS = ("txt", "srt", "vtt", "json")
_FILES = ("360p", "720p", "audio", "thumbnail")


class Secret(BaseModel):
    """`whsec_…`. `expires_at` is None for the one that stays."""

    model_config = ConfigDict(frozen=True)

    secret: str
    expires_at: str | None = None


class Endpoint(BaseModel):
    """Where an account wants to be told what. `secrets`: the newest first. `failing_since`: the first failure since the
    last success, of those that are not too far apart."""

    model_config = ConfigDict(frozen=True)

    account: str
    webhook_id: str
    url: str
    events: tuple[str, ...] = DEFAULT_EVENTS
    description: str | None = None
    enabled: bool = True
    disabled_reason: str | None = None
    secrets: tuple[Secret, ...] = ()
    created_at: str
    updated_at: str
    failing_since: str | None = None
    failed_at: str | None = None

    def signing(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        return [each.secret for each in self.secrets if each.expires_at is None or parse(each.expires_at) > now]


def event_name(status: str) -> str | None:
    """What a job's new status is to webhooks; None for what they are not told."""
    if status in TERMINAL:
        return f"job.{status}"
    return PROGRESS if status in RUNNING else None


def payload(event: JobEvent, progress: int | None) -> dict[str, Any]:
    """What is sent. `progress`: of the whole job in percent, None where it is not known any more."""
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
    """What `POST /webhooks/{id}/test` sends."""
    message = "This is a test. Verify the signature, answer 2xx, and your endpoint is ready."
    return {"event": TEST, "job_id": None, "status": None, "timestamp": rfc3339(now), "data": {"message": message}}


def serialise(document: Mapping[str, Any]) -> str:
    """Once: these are the bytes that are signed and sent, however often. As the paper's json.dumps does it."""
    return json.dumps(document, sort_keys=True)


def message_id(event_id: str, moment: datetime) -> str:
    """`webhook-id`: one for each event, the same for every endpoint, attempt and copy of the event."""
    return f"msg_{_derived(moment, event_id)}"


def delivery_id(event_id: str, webhook_id: str, moment: datetime) -> str:
    """The same however often the event comes; later ones sort behind earlier ones."""
    return f"dl_{_derived(moment, event_id, webhook_id)}"


def first_delivery_id(moment: datetime) -> str:
    """No delivery since then sorts before it."""
    return f"dl_{ULID.from_bytes(_milliseconds(moment) + bytes(10))}"


def url_fault(url: str, *, private_allowed: bool) -> str | None:
    """What is wrong with an endpoint's URL, and the cure; None for a good one.

    Where its name leads is looked at when it is connected to, each time.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "It is malformed. Give https://host/path."
    if len(url) > LONGEST_URL or any(character.isspace() or not character.isprintable() for character in url):
        return f"It has blanks in it, or more than {LONGEST_URL} characters. Give https://host/path."
    if parts.scheme != "https" and not (parts.scheme == "http" and private_allowed):
        return "Webhooks are sent over https alone. Give https://host/path."
    if not host:
        return "It names no host. Give https://host/path."
    if parts.username is not None or parts.password is not None:
        return "It carries a user name or password. Leave them out: the signature tells you who is calling."
    if not private_allowed and is_private_literal(host):
        return "It is no address of the public internet. Give a host that can be reached from everywhere."
    return None


def _outputs(event: JobEvent) -> dict[str, Any]:
    """Paths of this API; null for what was not made."""

    def path(name: str) -> str | None:
        return f"/jobs/{event.job_id}/download/{name}" if name in event.outputs else None

    transcripts = {form: path(f"transcript_{form}") for form in _TRANSCRIPTS}
    return {
        **{name: path(name) for name in _FILES},
        "transcription": transcripts if any(transcripts.values()) else None,
    }


def _derived(moment: datetime, *words: str) -> ULID:
    digest = hashlib.sha256("\n".join(words).encode()).digest()
    return ULID.from_bytes(_milliseconds(moment) + digest[:10])


def _milliseconds(moment: datetime) -> bytes:
    return int(moment.timestamp() * 1000).to_bytes(6, "big")
