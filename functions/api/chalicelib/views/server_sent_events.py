"""`/events`: the progress of a job, for the EventSource of browsers."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.ownership import checked_id, require_owner
from chalicelib.http.responses import Headers
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
def progress(request: ApiRequest, job_id: str) -> Response:
    """Read the present state as server-sent events.

    Each answer is short, and makes the browser ask again after two seconds (`retry`). It has an event `progress` with
    the state where that has changed since `Last-Event-ID`, and an event `complete` with the state once the job has
    ended. After that the answer is 204, which makes a browser stop asking.
    """
    job, reported = job_store.get_with_progress(checked_id(job_id))
    events = as_events(frame_of(require_owner(request.caller, job), reported), request.headers.get("last-event-id"))
    headers: Headers = {"Content-Type": _STREAM}
    status = HTTPStatus.NO_CONTENT if events is None else HTTPStatus.OK
    return Response(events or "", status_code=status.value, headers=headers)
