"""Errors as RFC 9457 problem documents. Exceptions become HTTP answers here and in `handler`."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from chalice.app import ChaliceUnhandledError, Response
from pydantic import Field, ValidationError

from mediajobs.base_model import LazyModel
from mediajobs.errors import NotFound

CONTENT_TYPE = "application/problem+json"
_MAX_ERRORS = 20  # that a document shows
# What a document repeats of a request is cut to these lengths, in characters.
_MAX_TEXT, _MAX_PART, _MAX_PATH, _MAX_DEPTH = 600, 80, 300, 10
# What a client can do about a missing thing, by kind.
_NOT_FOUND_HINTS = {
    "batch": "Jobs are of a batch when they are created with its batch_id.",
    "delivery": "The deliveries of a webhook are kept for 30 days.",
    "export": "They are kept for a day: ask for a new one.",
    "webhook": "GET /webhooks lists yours.",
}


def _absent(value: object) -> bool:
    return value is None


class Invalid(LazyModel):
    """Where an invalid value is (`loc`), and what is wrong with it (`msg`)."""

    loc: list[str | int]
    msg: str


class ProblemDocument(LazyModel):
    """What went wrong, and in `detail` what to do about it. `errors` lists the invalid values of a request,
    `violated-policies` the limit or quota that is used up."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Invalid] | None = Field(None, exclude_if=_absent)
    violated_policies: list[str] | None = Field(None, serialization_alias="violated-policies", exclude_if=_absent)


class Problem(ChaliceUnhandledError):
    """An answer of 4xx or 5xx. `detail` says what is wrong and what to do about it.

    `slug` names a problem type of this service, `type` is the URI of one that is defined elsewhere; without both, the
    type follows from the status. `more` are further members of the document.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        slug: str | None = None,
        type: str | None = None,  # noqa: A002 - the name of the document's member
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.type = type or f"urn:mediajobs:problem:{slug or status.phrase.lower().replace(' ', '-')}"
        self.more = more
        self.headers = headers or {}

    def as_event_stream(self) -> Response:
        """The problem for an EventSource, which never reconnects after an error: 200 with the time of the next try."""
        seconds = int(self.headers["Retry-After"])
        headers: dict[str, str | list[str]] = {"Content-Type": "text/event-stream"}
        return Response(f"retry: {seconds * 1000}\n\n", status_code=HTTPStatus.OK.value, headers=headers)

    def response(self, path: str) -> Response:
        document = ProblemDocument(
            type=self.type,
            title=self.status.phrase,
            status=self.status.value,
            detail=_cut(self.detail, _MAX_TEXT),
            instance=_cut(path, _MAX_PATH),
            **self.more,
        )
        headers: dict[str, str | list[str]] = {"Content-Type": CONTENT_TYPE, **self.headers}
        body = document.model_dump_json(by_alias=True)
        return Response(body, status_code=self.status.value, headers=headers)


def of_validation(error: ValidationError) -> Problem:
    """400 for a body that is no JSON, 422 for values that are not valid."""
    entries = error.errors(include_url=False, include_context=False, include_input=False)
    for entry in entries:
        if entry["type"] == "json_invalid":
            where = entry["msg"].removeprefix("Invalid JSON: ")
            return Problem(HTTPStatus.BAD_REQUEST, f"The body is not valid JSON: {where}.")
    errors = [_invalid(entry["loc"], entry["msg"]) for entry in entries[:_MAX_ERRORS]]
    first = f"{'.'.join(str(part) for part in errors[0].loc) or 'body'}: {errors[0].msg}"
    more = f" There are {len(entries)} errors; {_MAX_ERRORS} are shown." if len(entries) > _MAX_ERRORS else ""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The request is not valid: {first}.{more}", errors=errors)


def of_not_found(error: NotFound) -> Problem:
    """404 with the error's message and, where there is one, the hint for its kind."""
    hint, message = _NOT_FOUND_HINTS.get(error.kind), _cut(str(error), _MAX_PATH)
    return Problem(HTTPStatus.NOT_FOUND, f"{message} {hint}" if hint else message)


def of_response(response: Response, path: str) -> Response:
    """Chalice's own errors (405, 415, 500) as problem documents; any other response unchanged."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if response.status_code < HTTPStatus.BAD_REQUEST or headers.get("content-type") == CONTENT_TYPE:
        return response
    body = response.body if isinstance(response.body, dict) else {}
    problem = Problem(HTTPStatus(response.status_code), body.get("Message", "The request could not be answered."))
    return problem.response(path)


def unknown_route(path: str, method: str, routes: Mapping[str, Iterable[str]]) -> Problem:
    """404 for an unknown path, 405 for a known one with another method."""
    shown = _cut(path, _MAX_PATH)
    for pattern, methods in routes.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            allowed = ", ".join(sorted(methods))
            detail = f"{shown} does not take {method}. It takes: {allowed}."
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
    return Problem(HTTPStatus.NOT_FOUND, f"There is nothing at {shown}.")


def _invalid(location: tuple[str | int, ...], message: str) -> Invalid:
    """The names in a location and the text of a message may be the request's own, of any length."""
    parts = [_cut(part, _MAX_PART) if isinstance(part, str) else part for part in location[:_MAX_DEPTH]]
    return Invalid(loc=parts, msg=_cut(message.removeprefix("Value error, "), _MAX_PATH))


def _cut(text: str, length: int) -> str:
    """At most `length` characters of a text, as UTF-8 can have them: without lone surrogates."""
    shown = text if len(text) <= length else f"{text[: length - 1]}…"
    return shown.encode(errors="replace").decode()
