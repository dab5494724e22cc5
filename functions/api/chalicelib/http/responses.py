"""Responses that several views return, and the headers of all answers."""

import base64
import hashlib
from http import HTTPStatus

from chalice.app import Response
from pydantic import BaseModel

Headers = dict[str, str | list[str]]

# Headers that scripts of another origin may read.
_EXPOSED = (
    "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "WWW-Authenticate, X-Request-Id"
)
# The gateway's own answers have them too: see GatewayResponses in template.yaml.
COMMON_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": _EXPOSED,
    "Vary": "Accept-Encoding",  # the gateway compresses bodies
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # a credential may be in the query
    "Strict-Transport-Security": "max-age=31536000",  # ignored where the API is asked by http, as on a local stack
}
# Of answers whose view does not say otherwise: they are data, for any page that may ask, and no page themselves.
DATA_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-store",  # many hold presigned URLs, all that need a key hold what is its account's alone
}


def complete(response: Response, headers: dict[str, str]) -> None:
    """Adds the headers of all answers, and `headers`, to a response. A view's own come before those of data."""
    response.headers = {**DATA_HEADERS, **response.headers, **COMMON_HEADERS, **headers}


def json_answer(document: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Headers | None = None) -> Response:
    content_type: Headers = {"Content-Type": "application/json"}
    return Response(document.model_dump_json(), status_code=status.value, headers=content_type | (headers or {}))


def page(html: str, style: str) -> Response:
    """Returns a page without scripts, whose only style sheet is the text `style` in it. It may be cached."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    headers: Headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "public, max-age=300",
    }
    return Response(html, headers=headers)


def redirect(url: str, status: HTTPStatus = HTTPStatus.FOUND) -> Response:
    return Response("", status_code=status.value, headers={"Location": url})
