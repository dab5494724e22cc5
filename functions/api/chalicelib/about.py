"""`/openapi.json` and `/docs`: the API, told by its own routes."""

import json
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib.routes import Asked, Headers, Routes

_HTML = "text/html; charset=utf-8"


def routes_about(nouns: Iterable[Routes]) -> Routes:
    """The routes that describe all routes, themselves included."""
    own = Routes("about")
    described = [*nouns, own]

    @cache
    def document() -> dict[str, Any]:
        # Only these routes need it, and it takes longer to load than most requests take to answer.
        from chalicelib import openapi

        return openapi.document(route for noun in described for route in noun.all)

    @own.route("GET", "/openapi.json", {HTTPStatus.OK: "application/json"}, key=None)
    def openapi(_asked: Asked) -> Response:
        """This API as OpenAPI 3.1."""
        return _kept(json.dumps(document()), "application/json")

    @own.route("GET", "/docs", {HTTPStatus.OK: _HTML}, key=None)
    def docs(_asked: Asked) -> Response:
        """This API as a page to read."""
        from chalicelib.docs import page

        return _kept(page(document()), _HTML)

    return own


def _kept(body: str, kind: str) -> Response:
    headers: Headers = {"Content-Type": kind, "Cache-Control": "public, max-age=300"}
    return Response(body, headers=headers)
