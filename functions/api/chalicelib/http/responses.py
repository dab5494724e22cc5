"""Responses that several views return."""

from http import HTTPStatus

from chalice.app import Response
from pydantic import BaseModel

Headers = dict[str, str | list[str]]


def json_answer(document: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: Headers | None = None) -> Response:
    content_type: Headers = {"Content-Type": "application/json"}
    return Response(document.model_dump_json(), status_code=status.value, headers=content_type | (headers or {}))


def redirect(url: str) -> Response:
    return Response("", status_code=HTTPStatus.FOUND.value, headers={"Location": url, "Cache-Control": "no-store"})
