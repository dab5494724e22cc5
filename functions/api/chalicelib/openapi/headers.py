"""The headers of requests and answers, as the OpenAPI document tells them, and which answer has which."""

from http import HTTPStatus
from typing import Any

from chalicelib.http.routes import Route

COMPONENTS = "#/components/headers/"


def _told(description: str, example: str | int, **schema: Any) -> dict[str, Any]:
    kind = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": kind, **schema}, "example": example}


ANSWERED: dict[str, dict[str, Any]] = {
    "X-Request-Id": _told(
        "Names this request. Quote it when you ask about it.", "6c1ab6b4-0d7e-4a5e-9f1e-2f6f0a4c7c11"
    ),
    "RateLimit": _told(
        "What is left of the window: `r` requests, for `t` seconds.",
        '"default";r=99;t=60',
        pattern=r'^"default";r=\d+;t=\d+$',
    ),
    "RateLimit-Policy": _told(
        "This key's limit: `q` requests in `w` seconds.", '"default";q=100;w=60', pattern=r'^"default";q=\d+;w=\d+$'
    ),
    "Retry-After": _told("Seconds to wait before the next try.", 30, minimum=0),
    "Location": _told("Where to go on.", "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", format="uri-reference"),
    "ETag": _told("The version of this document, for `If-None-Match`.", '"0123456789abcdef0123456789abcdef"'),
    "Link": _told(
        'The next page, as `rel="next"` (RFC 8288). Not there on the last.', '</jobs?cursor=AbC>; rel="next"'
    ),
    "Idempotency-Replayed": _told(
        "The answer of the first request with this `Idempotency-Key`: nothing was done anew.", "true", enum=["true"]
    ),
    "Content-Disposition": _told("The file name to save it under.", 'attachment; filename="jobs.csv"'),
}

_AT_TIMES = {"Link", "Idempotency-Replayed"}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes it safe to send this again: for 24 hours the same key and body give the first answer.",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the version that you have. While it is the newest, the answer is 304 with no body.",
    "schema": {"type": "string"},
}


def taken(route: Route) -> list[dict[str, Any]]:
    """The header parameters of a route, beside the key."""
    return [IDEMPOTENCY_KEY] * is_idempotent(route) + [IF_NONE_MATCH] * is_conditional(route)


def given(route: Route, status: HTTPStatus) -> dict[str, Any]:
    """The headers of one of a route's answers. Those of a fine answer are always there, `Link` excepted; some
    problems are the gateway's own, which knows neither the key nor what it was for."""
    return {name: _header(name, status) for name in dict.fromkeys(_names(route, status))}


def _names(route: Route, status: HTTPStatus) -> list[str]:
    fine = status < HTTPStatus.BAD_REQUEST
    names = ["X-Request-Id", *route.headers.get(status, ())]
    if route.key and status is not HTTPStatus.UNAUTHORIZED:
        names += ["RateLimit", "RateLimit-Policy"]
    if status in (HTTPStatus.CREATED, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER):
        names.append("Location")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        names.append("Retry-After")
    if fine and is_conditional(route):
        names.append("ETag")
    if is_idempotent(route):
        names += ["Idempotency-Replayed"] * fine + ["Retry-After"] * (status is HTTPStatus.CONFLICT)
    return names


def _header(name: str, status: HTTPStatus) -> dict[str, Any]:
    """A reference cannot say that the header is required: where it is, it stands there whole."""
    if status >= HTTPStatus.BAD_REQUEST or name in _AT_TIMES:
        return {"$ref": COMPONENTS + name}
    return {"required": True, **ANSWERED[name]}


def is_idempotent(route: Route) -> bool:
    return route.method == "POST" and route.key is not None


def is_conditional(route: Route) -> bool:
    return HTTPStatus.NOT_MODIFIED in route.answers
