"""An event becomes a delivery for each endpoint of its account that wants it."""

from datetime import datetime, timedelta

from mediajobs.errors import NotFound
from mediajobs.jobs import job_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.presenter import job_brief
from mediajobs.timestamps import parse
from mediajobs.webhooks import delivery_store, endpoint_store
from mediajobs.webhooks.endpoints import Endpoint
from mediajobs.webhooks.payloads import event_name, payload, serialise

_CLOCKS_APART = timedelta(minutes=1)  # of two machines, at most


def fan_out(event: JobEvent, now: datetime) -> int:
    """Gives the number of endpoints. A second time it makes nothing new, and hints at what may have been forgotten."""
    name = event_name(event.status)
    wanting = [each for each in endpoint_store.of_account(event.account) if _wants(each, name, event)]
    if name is None or not wanting:
        return 0
    body = serialise(payload(event, _progress(event)))
    for endpoint in wanting:
        delivery_store.create(
            endpoint,
            event_id=event.event_id,
            event=name,
            job_id=event.job_id,
            body=body,
            at=parse(event.updated_at),
            now=now,
        )
    return len(wanting)


def _wants(endpoint: Endpoint, name: str | None, event: JobEvent) -> bool:
    """One that we disabled is told nothing, but what it misses is in its log, to be recovered from there.

    None is told of what happened before it was made, which a replay brings up again.
    """
    hears = endpoint.enabled or endpoint.disabled_reason is not None
    return hears and name in endpoint.events and parse(event.updated_at) >= parse(endpoint.created_at) - _CLOCKS_APART


def _progress(event: JobEvent) -> int | None:
    """In percent, of the attempt that the event is about; None where the job has gone on to another, or is gone."""
    if event.status == Status.COMPLETED:
        return 100
    try:
        job, progress = job_store.get_with_progress(event.job_id)
    except NotFound:
        return None
    return job_brief(job, progress).overall_progress if job.attempt == event.attempt else None
