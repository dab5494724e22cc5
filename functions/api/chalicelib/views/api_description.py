"""`/openapi.json` and `/docs`: the description of the API, made from its routes."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib.http import route_table
from chalicelib.http.responses import Headers, page
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.openapi import docs_page
from chalicelib.openapi.document import document

_HTML = "text/html; charset=utf-8"

routes = Routes("about")


@routes.route("GET", "/openapi.json", {HTTPStatus.OK: "application/json"}, key=None)
def openapi(_request: ApiRequest) -> Response:
    """Read the description of this API as OpenAPI 3.1."""
    headers: Headers = {"Content-Type": "application/json", "Cache-Control": "public, max-age=300"}
    return Response(json.dumps(_document()), headers=headers)


@routes.route("GET", "/docs", {HTTPStatus.OK: _HTML}, key=None)
def docs(_request: ApiRequest) -> Response:
    """Read the description of this API as a page."""
    return page(docs_page.page(_document()), docs_page.STYLE)


@cache
def _document() -> dict[str, Any]:
    return document(route_table.all_routes())
