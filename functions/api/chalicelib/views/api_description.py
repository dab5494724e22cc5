"""`/openapi.json` and `/docs`: the API, told by its own routes."""

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
def openapi(_asked: ApiRequest) -> Response:
    """This API as OpenAPI 3.1."""
    return _kept(json.dumps(_described()), "application/json")


@routes.route("GET", "/docs", {HTTPStatus.OK: _HTML}, key=None)
def docs(_asked: ApiRequest) -> Response:
    """This API as a page to read."""
    return _kept(page(_described()), _HTML)


@cache
def _described() -> dict[str, Any]:
    return document(route_table.all_routes())


def _kept(body: str, kind: str) -> Response:
    headers: Headers = {"Content-Type": kind, "Cache-Control": "public, max-age=300"}
    return Response(body, headers=headers)
