"""`GET /jobs`: an account's jobs, filtered, sorted and in pages, at a cost that does not grow with their number."""

from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib.http import pagination
from chalicelib.http.problems import Problem
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.listing import page_query, total_query
from mediajobs.listing.index_query import Page
from mediajobs.listing.schemas import JobList, ListJobs

_DEEPEST = 10_000

routes = Routes("jobs")


@routes.route("GET", "/jobs", {HTTPStatus.OK: JobList}, query=ListJobs, headers={HTTPStatus.OK: ("Link",)})
def list_jobs(asked: ApiRequest) -> Response:
    """Your jobs, by page or from cursor to cursor."""
    wanted: ListJobs = asked.query
    page = read(asked, wanted)
    total, documents = total_query.total_and_documents(
        asked.caller.account, wanted.filters, page, from_start=wanted.cursor is None
    )
    cursor = next_cursor(asked, wanted, page)
    document = JobList(
        total=total.number,
        total_relation="eq" if total.exact else "gte",
        page=wanted.page,
        per_page=wanted.per_page,
        total_pages=-(-total.number // wanted.per_page),
        jobs=documents,
        next_cursor=cursor,
    )
    return json_answer(document, headers=pagination.link("/jobs", wanted, cursor))


def read(asked: ApiRequest, wanted: ListJobs) -> Page:
    """The page that is wanted. Raises Problem(400) for one that is too deep, or a cursor of another list."""
    if wanted.page * wanted.per_page > _DEEPEST:
        detail = f"Pages reach {_DEEPEST} jobs deep. Go on with next_cursor: ?cursor=… takes any depth."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="page-too-deep")
    place: dict[str, Any] | None = None
    if wanted.cursor is not None:
        if wanted.page != 1:
            detail = "A cursor says where to go on: leave page out."
            raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="cursor-of-another-list")
        place = pagination.place(asked, wanted.cursor, of=_list_of(wanted))
    return page_query.page(
        asked.caller.account,
        wanted.filters,
        sort_by=wanted.sort_by,
        descending=wanted.sort_order == "desc",
        skip=(wanted.page - 1) * wanted.per_page,
        limit=wanted.per_page,
        place=place,
    )


def next_cursor(asked: ApiRequest, wanted: ListJobs, page: Page) -> str | None:
    return pagination.cursor(asked, page.next_position, of=_list_of(wanted))


def _list_of(wanted: ListJobs) -> str:
    """What a cursor belongs to: the filters and the order, not the page's size."""
    return wanted.model_dump_json(exclude={"page", "per_page", "cursor"})
