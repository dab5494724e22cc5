"""Pages of jobs as requests ask for them: by page number, or by cursor."""

from http import HTTPStatus

from chalicelib.http import pagination
from chalicelib.http.problems import Problem
from chalicelib.http.routes import ApiRequest
from mediajobs.listing import page_query
from mediajobs.listing.index_query import Page
from mediajobs.listing.schemas import ListJobs

_MAX_DEPTH = 10_000  # jobs


def read(request: ApiRequest, query: ListJobs) -> Page:
    """Returns the page. Raises Problem(400) for one that is too deep, and for a cursor of another list."""
    if query.page * query.per_page > _MAX_DEPTH:
        detail = f"Pages reach {_MAX_DEPTH} jobs deep. Go on with next_cursor: ?cursor=… takes any depth."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="page-too-deep")
    if query.cursor is not None and query.page != 1:
        detail = "A cursor says where to go on: leave page out."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="cursor-of-another-list")
    return page_query.page(
        request.caller.account,
        query.filters,
        sort_by=query.sort_by,
        descending=query.sort_order == "desc",
        skip=(query.page - 1) * query.per_page,
        limit=query.per_page,
        place=pagination.position(request, query.cursor, of=_list_name(query)),
    )


def next_cursor(request: ApiRequest, query: ListJobs, page: Page) -> str | None:
    """Returns the cursor of the page after this one, None where there is none."""
    return pagination.cursor(request, page.next_position, of=_list_name(query))


def page_count(total: int, per_page: int) -> int:
    return -(-total // per_page)


def _list_name(query: ListJobs) -> str:
    """A cursor belongs to the filters and the order, not to the size of the page."""
    return query.model_dump_json(exclude={"page", "per_page", "cursor"})
