"""From page to page: cursors that only the key can use that got them, and the header that leads on."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from chalicelib.http.problems import Problem
from chalicelib.http.responses import Headers
from chalicelib.http.routes import ApiRequest
from mediajobs.api import cursors


def place(asked: ApiRequest, cursor: str, *, of: str) -> dict[str, Any]:
    """Where a cursor goes on; `of` is the list that it has to belong to. Raises Problem(400)."""
    try:
        return cursors.decode(cursor, of=of, key=_key(asked))
    except cursors.InvalidCursor as error:
        detail = "This cursor is not of this list: take next_cursor as it is, with the same key, filters and order."
        raise Problem(HTTPStatus.BAD_REQUEST, detail, slug="cursor-of-another-list") from error


def cursor(asked: ApiRequest, place: dict[str, Any] | None, *, of: str) -> str | None:
    """What leads to the next page, None where there is none."""
    return cursors.encode(place, of=of, key=_key(asked)) if place else None


def link(path: str, wanted: BaseModel, cursor: str | None) -> Headers:
    """The header that leads to the next page."""
    if cursor is None:
        return {}
    query = wanted.model_dump(mode="json", exclude_defaults=True, exclude={"page", "cursor"}) | {"cursor": cursor}
    return {"Link": f'<{path}?{urlencode(query, doseq=True)}>; rel="next"'}


def _key(asked: ApiRequest) -> str:
    return asked.headers["x-api-key"]
