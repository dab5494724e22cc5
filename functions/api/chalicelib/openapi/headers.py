"""The headers of requests and answers in the OpenAPI document, and which answer has which."""

from http import HTTPStatus
from typing import Any

from chalicelib.http.routes import Route

COMPONENTS = "#/components/headers/"


def _header_object(description: str, example: str | int, **schema: Any) -> dict[str, Any]:
    type_ = "integer" if isinstance(example, int) else "string"
    return {"description": description, "schema": {"type": type_, **schema}, "example": example}


ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": _header_object(
        "The id of this request. Quote it when you ask about it.", "6c1ab6b4-0d7e-4a5e-9f1e-2f6f0a4c7c11"
    ),
    "RateLimit": _header_object(
        "What is left of the window: `r` requests in the next `t` seconds.",
        '"default";r=99;t=60',
        pattern=r'^"default";r=\d+;t=\d+$',
    ),
    "RateLimit-Policy": _header_object(
        "This key's limit: `q` requests in `w` seconds.", '"default";q=100;w=60', pattern=r'^"default";q=\d+;w=\d+$'
    ),
    "Retry-After": _header_object("Seconds to wait before the next try.", 30, minimum=0),
    "Location": _header_object(
        "The address of what was created, or where to go on.",
        "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        format="uri-reference",
    ),
    "ETag": _header_object("The version of this document, for `If-None-Match`.", '"0123456789abcdef0123456789abcdef"'),
    "Link": _header_object(
        'The next page, as `rel="next"` (RFC 8288). The last page has no such header.', '</jobs?cursor=AbC>; rel="next"'
    ),
    "Idempotency-Replayed": _header_object(
        "The answer of the first request with this `Idempotency-Key`: the request was not executed again.",
        "true",
        enum=["true"],
    ),
    "WWW-Authenticate": _header_object("How to authenticate: by an API key.", 'ApiKey realm="mediajobs"'),
    "Content-Disposition": _header_object("The file name to save the body under.", 'attachment; filename="jobs.csv"'),
}

_OPTIONAL = {"Link", "Idempotency-Replayed"}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes it safe to send the request again: for 24 hours the same key and body give the first answer.",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of your version. While it is the newest one, the answer is 304 without a body.",
    "schema": {"type": "string"},
}


def parameters(route: Route) -> list[dict[str, Any]]:
    """Returns the header parameters of a route, except the key."""
    return [IDEMPOTENCY_KEY] * is_idempotent(route) + [IF_NONE_MATCH] * is_conditional(route)


def of_answer(route: Route, status: HTTPStatus) -> dict[str, Any]:
    """Returns the headers of one of a route's answers.

    Below 400 all of them except `Link` and `Idempotency-Replayed` are always present. In problems none is guaranteed,
    because some problems are the gateway's own, which knows neither the key nor the route.
    """
    return {name: _header(name, status) for name in dict.fromkeys(_names(route, status))}


def _names(route: Route, status: HTTPStatus) -> list[str]:
    succeeded = status < HTTPStatus.BAD_REQUEST
    names = ["X-Request-Id", *route.headers.get(status, ())]
    if route.key and status is not HTTPStatus.UNAUTHORIZED:
        names += ["RateLimit", "RateLimit-Policy"]
    if status in (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER):
        names.append("Location")
    if status is HTTPStatus.UNAUTHORIZED:
        names.append("WWW-Authenticate")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        names.append("Retry-After")
    if succeeded and is_conditional(route):
        names.append("ETag")
    if is_idempotent(route):
        names += ["Idempotency-Replayed"] * succeeded + ["Retry-After"] * (status is HTTPStatus.CONFLICT)
    return names


def _header(name: str, status: HTTPStatus) -> dict[str, Any]:
    """A header that is always present is written out, because a reference cannot say that it is required."""
    if status >= HTTPStatus.BAD_REQUEST or name in _OPTIONAL:
        return {"$ref": COMPONENTS + name}
    return {"required": True, **ANSWER_HEADERS[name]}


def is_idempotent(route: Route) -> bool:
    return route.method == "POST" and route.key is not None


def is_conditional(route: Route) -> bool:
    return HTTPStatus.NOT_MODIFIED in route.answers
