"""`/events`: how far a job is, for a browser's own EventSource."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.ownership import checked_id, require_owner
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.jobs import job_store
from mediajobs.live_progress.frames import as_events, frame_of

_STREAM = "text/event-stream"

routes = Routes("events")


@routes.route(
    "GET",
    "/events/{job_id}/progress",
    {HTTPStatus.OK: _STREAM, HTTPStatus.NO_CONTENT: None},
    key="query",
)
def progress(asked: ApiRequest, job_id: str) -> Response:
    """The present state as server-sent events.

    Each answer is short, and asks for the next in two seconds (`retry`). An event `progress` tells the state where it
    is another than that of `Last-Event-ID`; at the end comes `complete` with it, and after that 204, upon which a
    browser stops asking.
    """
    job, reported = job_store.get_with_progress(checked_id(job_id))
    events = as_events(frame_of(require_owner(asked.caller, job), reported), asked.headers.get("last-event-id"))
    headers: dict[str, str | list[str]] = {"Content-Type": _STREAM, "Cache-Control": "private, no-store"}
    status = HTTPStatus.NO_CONTENT if events is None else HTTPStatus.OK
    return Response(events or "", status_code=status.value, headers=headers)
