"""`/openapi.json` and `/docs`: the description of the API, made from its routes."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib.http import route_table
from chalicelib.http.responses import Headers
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.openapi.docs_page import page
from chalicelib.openapi.document import document

_HTML = "text/html; charset=utf-8"

routes = Routes("about")


@routes.route("GET", "/openapi.json", {HTTPStatus.OK: "application/json"}, key=None)
def openapi(_request: ApiRequest) -> Response:
    """Read the description of this API as OpenAPI 3.1."""
    return _cacheable(json.dumps(_document()), "application/json")


@routes.route("GET", "/docs", {HTTPStatus.OK: _HTML}, key=None)
def docs(_request: ApiRequest) -> Response:
    """Read the description of this API as a page."""
    return _cacheable(page(_document()), _HTML)


@cache
def _document() -> dict[str, Any]:
    return document(route_table.all_routes())


def _cacheable(body: str, content_type: str) -> Response:
    headers: Headers = {"Content-Type": content_type, "Cache-Control": "public, max-age=300"}
    return Response(body, headers=headers)
