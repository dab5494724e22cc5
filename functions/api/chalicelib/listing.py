"""`GET /jobs`: an account's jobs, filtered, sorted and in pages, at a cost that does not grow with their number."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from chalice.app import Response

from chalicelib.problems import Problem
from chalicelib.routes import Asked, Headers, Routes, json_answer
from mediajobs import cursors, tallies
from mediajobs.documents import JobList
from mediajobs.life import Status
from mediajobs.requests import ListJobs
from mediajobs.stores import listing, rollups
from mediajobs.stores.listing import Page

_DEEPEST = 10_000

routes = Routes("jobs")


@routes.route("GET", "/jobs", {HTTPStatus.OK: JobList}, query=ListJobs, headers={HTTPStatus.OK: ("Link",)})
def list_jobs(asked: Asked) -> Response:
    """Your jobs, by page or from cursor to cursor."""
    wanted: ListJobs = asked.query
    page = _read(asked, wanted)
    total, relation = _total(asked.caller.account, wanted, page)
    cursor = cursors.write(page.place, of=_list_of(wanted), key=_key(asked)) if page.place else None
    document = JobList(
        total=total,
        total_relation=relation,
        page=wanted.page,
        per_page=wanted.per_page,
        total_pages=-(-total // wanted.per_page),
        jobs=listing.documents(asked.caller.account, page.rows),
        next_cursor=cursor,
    )
    return json_answer(document, headers=_link(wanted, cursor))


def _read(asked: Asked, wanted: ListJobs) -> Page:
    if wanted.page * wanted.per_page > _DEEPEST:
        detail = f"Pages reach {_DEEPEST} jobs deep. Go on with next_cursor: ?cursor=… takes any depth."
        raise Problem(HTTPStatus.BAD_REQUEST, detail)
    place: dict[str, Any] | None = None
    if wanted.cursor is not None:
        if wanted.page != 1:
            raise Problem(HTTPStatus.BAD_REQUEST, "A cursor says where to go on: leave page out.")
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


def _place(asked: Asked, wanted: ListJobs) -> dict[str, Any]:
    try:
        return cursors.read(wanted.cursor or "", of=_list_of(wanted), key=_key(asked))
    except cursors.BadCursor as error:
        detail = "This cursor is not of this list: take next_cursor as it is, with the same key, filters and order."
        raise Problem(HTTPStatus.BAD_REQUEST, detail) from error


def _total(account: str, wanted: ListJobs, page: Page) -> tuple[int, Any]:
    """Exact where this page reaches the end or the statistics know; else what was seen, and that there is more."""
    if page.place is None and wanted.cursor is None:
        return page.seen, "eq"
    if wanted.priority is None and wanted.batch_id is None and wanted.search is None:
        filters = wanted.filters
        last = tallies.EPOCH_END - 1 if filters.last_moment is None else filters.last_moment
        counts = tallies.jobs_by_status(rollups.read(account, filters.first_moment or 0, last))
        known = sum(counts[status] for status in filters.statuses or Status)
        return max(known, page.seen + (page.place is not None)), "eq"
    return page.seen + (page.place is not None), "gte"


def _link(wanted: ListJobs, cursor: str | None) -> Headers:
    if cursor is None:
        return {}
    query = wanted.model_dump(mode="json", exclude_defaults=True, exclude={"page", "cursor"}) | {"cursor": cursor}
    return {"Link": f'</jobs?{urlencode(query, doseq=True)}>; rel="next"'}


def _list_of(wanted: ListJobs) -> str:
    """What a cursor belongs to: the filters and the order, not the page's size."""
    return wanted.model_dump_json(exclude={"page", "per_page", "cursor"})


def _key(asked: Asked) -> str:
    return asked.headers["x-api-key"]
