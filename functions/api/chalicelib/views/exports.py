"""`/jobs/export`: a list as a file, in the answer itself or in the bucket."""

import time
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.problems import Problem, ProblemDocument
from chalicelib.http.responses import Headers, json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.errors import NotFound
from mediajobs.exports import export_service, export_store
from mediajobs.exports.export import CONTENT_TYPES, Export, ExportedJobs, ExportJobs, RunningExport, fits
from mediajobs.ids import is_job_id
from mediajobs.storage.bucket_store import content_disposition

SECONDS = 20.0  # the gateway gives up after 29
_POLL_SECONDS = "5"

routes = Routes("jobs")


@routes.route(
    "GET",
    "/jobs/export",
    {HTTPStatus.OK: (ExportedJobs, "text/csv"), HTTPStatus.SEE_OTHER: None, HTTPStatus.ACCEPTED: RunningExport},
    query=ExportJobs,
    headers={
        HTTPStatus.OK: ("Content-Disposition",),
        HTTPStatus.ACCEPTED: ("Location", "Retry-After"),
    },
)
def export(asked: ApiRequest) -> Response:
    """Your jobs as a file.

    Up to 5 MB are the answer itself. More is 303 to where the file is, or, where that takes longer than 20 seconds,
    202 with a `Location` to ask again.
    """
    deadline = time.monotonic() + SECONDS
    run = export_service.advance(
        export_service.new(asked.caller.account, asked.query), lambda: time.monotonic() < deadline
    )
    if not run.export.ended:
        export_service.enqueue(run)
        return _wait(run.export.export_id)
    if not run.export.parts and fits(body := run.tail.decode()):
        return _inline(run.export, body)
    return _elsewhere(export_service.finish(run))


@routes.route(
    "GET",
    "/exports/{export_id}",
    {HTTPStatus.SEE_OTHER: None, HTTPStatus.ACCEPTED: RunningExport, HTTPStatus.GONE: ProblemDocument},
    headers={HTTPStatus.ACCEPTED: ("Location", "Retry-After")},
)
def running_export(asked: ApiRequest, export_id: str) -> Response:
    """Where an export is that takes a while: 202 until it is ready."""
    try:
        if not is_job_id(export_id):  # both are ULIDs
            raise NotFound(export_id)
        state, found = export_store.find(export_id, account=asked.caller.account)
    except NotFound as error:
        detail = f"There is no export {export_id}. They are kept for a day: ask for a new one."
        raise Problem(HTTPStatus.NOT_FOUND, detail) from error
    if state == "ready":
        return _elsewhere(export_service.url(found))
    if state == "failed":
        detail = "This export could not be finished. Nothing is wrong with your jobs: ask for a new one."
        raise Problem(HTTPStatus.GONE, detail, slug="export-failed")
    return _wait(export_id)


def _inline(export: Export, body: str) -> Response:
    headers: Headers = {
        "Content-Type": CONTENT_TYPES[export.format],
        "Content-Disposition": content_disposition(export.filename),
        "Cache-Control": "no-store",
    }
    return Response(body, headers=headers)


def _elsewhere(url: str) -> Response:
    return Response("", status_code=HTTPStatus.SEE_OTHER.value, headers={"Location": url, "Cache-Control": "no-store"})


def _wait(export_id: str) -> Response:
    headers: Headers = {"Location": f"/exports/{export_id}", "Retry-After": _POLL_SECONDS, "Cache-Control": "no-store"}
    return json_answer(RunningExport(export_id=export_id), HTTPStatus.ACCEPTED, headers)
