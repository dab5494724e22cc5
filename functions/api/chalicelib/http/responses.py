"""Responses that several views give, and the API key of a request that cannot set headers."""

from http import HTTPStatus

from chalice.app import Request, Response
from pydantic import BaseModel

Headers = dict[str, str | list[str]]


def json_answer(document: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Headers | None = None) -> Response:
    kind: Headers = {"Content-Type": "application/json"}
    return Response(document.model_dump_json(), status_code=status.value, headers=kind | (headers or {}))


def redirect(url: str) -> Response:
    return Response("", status_code=HTTPStatus.FOUND.value, headers={"Location": url, "Cache-Control": "no-store"})


def key_in_query(request: Request) -> str | None:
    return request.query_params.get("api_key") if request.query_params else None
