"""Responses that several views return, and the API key in the query of a request."""

from http import HTTPStatus

from chalice.app import Request, Response
from pydantic import BaseModel

Headers = dict[str, str | list[str]]


def json_answer(document: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Headers | None = None) -> Response:
    content_type: Headers = {"Content-Type": "application/json"}
    return Response(document.model_dump_json(), status_code=status.value, headers=content_type | (headers or {}))


def redirect(url: str) -> Response:
    return Response("", status_code=HTTPStatus.FOUND.value, headers={"Location": url, "Cache-Control": "no-store"})


def key_in_query(raw: Request) -> str | None:
    """Returns the API key of a client that cannot set headers, such as a player or an EventSource."""
    return raw.query_params.get("api_key") if raw.query_params else None
