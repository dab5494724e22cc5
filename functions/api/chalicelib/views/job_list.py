"""`GET /jobs`: the jobs of an account, filtered, sorted and paginated, at a cost independent of their number."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import job_pages, pagination
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.listing import total_query
from mediajobs.listing.schemas import JobList, ListJobs

routes = Routes("jobs")


@routes.route("GET", "/jobs", {HTTPStatus.OK: JobList}, query=ListJobs, headers={HTTPStatus.OK: ("Link",)})
def list_jobs(request: ApiRequest) -> Response:
    """List your jobs, by page number or by cursor."""
    query: ListJobs = request.query
    page = job_pages.read(request, query)
    total, documents = total_query.total_and_documents(
        request.caller.account, query.filters, page, from_start=query.cursor is None
    )
    cursor = job_pages.next_cursor(request, query, page)
    document = JobList(
        total=total.number,
        total_relation="eq" if total.exact else "gte",
        page=query.page,
        per_page=query.per_page,
        total_pages=job_pages.page_count(total.number, query.per_page),
        jobs=documents,
        next_cursor=cursor,
    )
    return json_answer(document, headers=pagination.link("/jobs", query, cursor))
