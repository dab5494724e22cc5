"""`GET /jobs`: an account's jobs, filtered, sorted and in pages, at a cost that does not grow with their number."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from chalice.app import Response

from chalicelib.problems import Problem
from chalicelib.routes import Asked, Headers, Routes, json_answer
from mediajobs import cursors
from mediajobs.documents import JobList
from mediajobs.requests import ListJobs, Paged
from mediajobs.stores import listing, totals
from mediajobs.stores.listing import Page

_DEEPEST = 10_000

routes = Routes("jobs")


@routes.route("GET", "/jobs", {HTTPStatus.OK: JobList}, query=ListJobs, headers={HTTPStatus.OK: ("Link",)})
def list_jobs(asked: Asked) -> Response:
    """Your jobs, by page or from cursor to cursor."""
    wanted: ListJobs = asked.query
    page = read(asked, wanted)
    total, documents = totals.told(asked.caller.account, wanted.filters, page, from_start=wanted.cursor is None)
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
    return json_answer(document, headers=link("/jobs", wanted, cursor))


def read(asked: Asked, wanted: ListJobs) -> Page:
    """The page that is wanted. Raises Problem(400) for one that is too deep, or a cursor of another list."""
    if wanted.page * wanted.per_page > _DEEPEST:
        detail = f"Pages reach {_DEEPEST} jobs deep. Go on with next_cursor: ?cursor=… takes any depth."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="page-too-deep")
    place: dict[str, Any] | None = None
    if wanted.cursor is not None:
        if wanted.page != 1:
            detail = "A cursor says where to go on: leave page out."
            raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="cursor-of-another-list")
        place = _place(asked, wanted)
    return listing.page(
        asked.caller.account,
        wanted.filters,
        sort_by=wanted.sort_by,
        descending=wanted.sort_order == "desc",
        skip=(wanted.page - 1) * wanted.per_page,
        limit=wanted.per_page,
        place=place,
    )


def next_cursor(asked: Asked, wanted: ListJobs, page: Page) -> str | None:
    return cursors.write(page.place, of=_list_of(wanted), key=_key(asked)) if page.place else None


def link(path: str, wanted: Paged, cursor: str | None) -> Headers:
    """The header that leads to the next page."""
    if cursor is None:
        return {}
    query = wanted.model_dump(mode="json", exclude_defaults=True, exclude={"page", "cursor"}) | {"cursor": cursor}
    return {"Link": f'<{path}?{urlencode(query, doseq=True)}>; rel="next"'}


def _place(asked: Asked, wanted: ListJobs) -> dict[str, Any]:
    try:
        return cursors.read(wanted.cursor or "", of=_list_of(wanted), key=_key(asked))
    except cursors.BadCursor as error:
        detail = "This cursor is not of this list: take next_cursor as it is, with the same key, filters and order."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="cursor-of-another-list") from error


def _list_of(wanted: ListJobs) -> str:
    """What a cursor belongs to: the filters and the order, not the page's size."""
    return wanted.model_dump_json(exclude={"page", "per_page", "cursor"})


def _key(asked: Asked) -> str:
    return asked.headers["x-api-key"]
