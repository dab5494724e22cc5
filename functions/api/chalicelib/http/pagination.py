"""Pagination: cursors that work only with the key that received them, and the `Link` header to the next page."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from chalicelib.http.problems import Problem
from chalicelib.http.responses import Headers
from chalicelib.http.routes import ApiRequest
from mediajobs.api import cursors


def position(request: ApiRequest, cursor: str | None, *, of: str) -> dict[str, Any] | None:
    """Returns the position in a list that a cursor stands for, None without a cursor.

    `of` names the list, filters and order included, that the cursor has to belong to. Raises Problem(400).
    """
    if cursor is None:
        return None
    try:
        return cursors.decode(cursor, of=of, key=_key(request))
    except cursors.InvalidCursor as error:
        detail = "This cursor is not of this list: take next_cursor as it is, with the same key, filters and order."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="cursor-of-another-list") from error


def cursor(request: ApiRequest, position: dict[str, Any] | None, *, of: str) -> str | None:
    """Returns the cursor of the next page, None where there is none."""
    return cursors.encode(position, of=of, key=_key(request)) if position else None


def link(path: str, query: BaseModel, cursor: str | None) -> Headers:
    """Returns the `Link` header to the next page (RFC 8288), no header on the last page."""
    if cursor is None:
        return {}
    parameters = query.model_dump(mode="json", exclude_defaults=True, exclude={"page", "cursor"}) | {"cursor": cursor}
    return {"Link": f'<{path}?{urlencode(parameters, doseq=True)}>; rel="next"'}


def _key(request: ApiRequest) -> str:
    return request.headers["x-api-key"]
