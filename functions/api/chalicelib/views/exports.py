"""`/jobs/export`: a list as a file, in the answer itself or in the bucket."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import deadlines
from chalicelib.http.problems import Problem, ProblemDocument
from chalicelib.http.responses import Headers, json_answer, redirect
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.errors import NotFound
from mediajobs.exports import export_service, export_store
from mediajobs.exports.export import CONTENT_TYPES, Export, ExportedJobs, ExportJobs, RunningExport
from mediajobs.ids import is_job_id
from mediajobs.storage.bucket_store import content_disposition

SECONDS = 20.0  # then the export goes on without the request
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
def export(request: ApiRequest) -> Response:
    """Export your jobs as a file.

    Up to 5 MB are the answer itself. A larger file is answered with 303 to where it lies, or, where it takes longer
    than 20 seconds, with 202 and a `Location` to poll.
    """
    result = export_service.start(request.caller.account, request.query, deadlines.has_time(SECONDS))
    if result.body is not None:
        return _inline(result.export, result.body)
    if result.url is not None:
        return _see_other(result.url)
    return _running(result.export.export_id)


@routes.route(
    "GET",
    "/exports/{export_id}",
    {HTTPStatus.SEE_OTHER: None, HTTPStatus.ACCEPTED: RunningExport, HTTPStatus.GONE: ProblemDocument},
    headers={HTTPStatus.ACCEPTED: ("Location", "Retry-After")},
)
def running_export(request: ApiRequest, export_id: str) -> Response:
    """Poll an export: 202 until it is ready, then 303 to the file."""
    if not is_job_id(export_id):  # both are ULIDs
        raise NotFound("export", export_id)
    state, found = export_store.find(export_id, account=request.caller.account)
    if state == "ready":
        return _see_other(export_service.url(found))
    if state == "failed":
        detail = "This export could not be finished. Nothing is wrong with your jobs: ask for a new one."
        raise Problem(HTTPStatus.GONE, detail, slug="export-failed")
    return _running(export_id)


def _inline(export: Export, body: str) -> Response:
    headers: Headers = {
        "Content-Type": CONTENT_TYPES[export.format],
        "Content-Disposition": content_disposition(export.filename),
    }
    return Response(body, headers=headers)


def _see_other(url: str) -> Response:
    return redirect(url, HTTPStatus.SEE_OTHER)


def _running(export_id: str) -> Response:
    headers: Headers = {"Location": f"/exports/{export_id}", "Retry-After": _POLL_SECONDS}
    return json_answer(RunningExport(export_id=export_id), HTTPStatus.ACCEPTED, headers)
