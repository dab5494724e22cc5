"""Turns an event of a job into a delivery for each endpoint of its account that receives such events."""

from datetime import datetime, timedelta

from mediajobs.errors import NotFound
from mediajobs.jobs import job_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.presenter import job_brief
from mediajobs.timestamps import parse_rfc3339
from mediajobs.webhooks import delivery_store, endpoint_store
from mediajobs.webhooks.endpoints import Endpoint
from mediajobs.webhooks.payloads import PROGRESS, event_name, payload, serialise

_MAX_CLOCK_SKEW = timedelta(minutes=1)  # between two machines


def fan_out(event: JobEvent, now: datetime) -> int:
    """Creates the deliveries of an event. Returns the number of endpoints.

    Repeated for the same event, it creates nothing new, but enqueues again what may have been lost.
    """
    name = event_name(event.status)
    endpoints = [endpoint for endpoint in endpoint_store.of_account(event.account) if _receives(endpoint, name, event)]
    if name is None or not endpoints:
        return 0
    body = serialise(payload(event, _progress(event)))
    for endpoint in endpoints:
        delivery_store.create(
            endpoint,
            event_id=event.event_id,
            event=name,
            job_id=event.job_id,
            body=body,
            at=parse_rfc3339(event.updated_at),
            now=now,
        )
    return len(endpoints)


def _receives(endpoint: Endpoint, name: str | None, event: JobEvent) -> bool:
    """Whether a delivery is created for the endpoint.

    One that this service disabled gets deliveries, which fail, so that its owner can recover them. No endpoint gets
    events from before its creation, which a replay sends again. One that never answered 2xx gets no progress: its URL
    may be that of somebody who asked for nothing.
    """
    is_active = endpoint.enabled or endpoint.disabled_reason is not None
    is_later = parse_rfc3339(event.updated_at) >= parse_rfc3339(endpoint.created_at) - _MAX_CLOCK_SKEW
    is_wanted = endpoint.verified or name != PROGRESS
    return is_active and name in endpoint.events and is_later and is_wanted


def _progress(event: JobEvent) -> int | None:
    """Returns the job's progress in percent; None if the job is deleted or in a later attempt than the event's."""
    if event.status == Status.COMPLETED:
        return 100
    try:
        job, progress = job_store.get_with_progress(event.job_id)
    except NotFound:
        return None
    return job_brief(job, progress).overall_progress if job.attempt == event.attempt else None
