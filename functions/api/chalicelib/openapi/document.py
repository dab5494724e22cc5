"""OpenAPI 3.1 of what the routes declare."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Literal, cast

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

import mediajobs
from chalicelib.http.problems import CONTENT_TYPE, ProblemDocument
from chalicelib.http.routes import Model, Route
from chalicelib.openapi import headers, links
from chalicelib.openapi.path_parameters import PATH
from mediajobs.webhooks.event_schemas import EVENT_MODELS

_REF = "#/components/schemas/{model}"
_SECURITY = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Your key: `mj_<id>_<secret>`."},
    "key_in_query": {
        "type": "apiKey",
        "in": "query",
        "name": "api_key",
        "description": "For players and EventSource, which cannot set headers.",
    },
}
_DESCRIPTION = (
    "A video goes in; renditions, audio, HLS, a thumbnail and a transcript come out.\n\n"
    "Times are RFC 3339 in UTC, durations seconds, sizes bytes. Every error is a problem document (RFC 9457) whose "
    "`detail` says what to do. A POST with an `Idempotency-Key` may be sent again."
)
_TAGS = {
    "jobs": "Create jobs, find them, steer them, count them, fetch what they made.",
    "batches": "Jobs that belong together.",
    "stream": "Play what was made.",
    "events": "See a job's progress as it happens: by server-sent events here, or by the WebSocket of the README.",
    "webhooks": "Be told when a job ends, at an address of yours; see what was sent there and what came of it.",
    "usage": "What this account has used, and may use.",
    "service": "Whether the service is well.",
    "about": "This API, described.",
}
# What a status means wherever it is a problem; the document's `detail` says more.
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be understood, or not be done.",
    HTTPStatus.UNAUTHORIZED: "The API key is missing, malformed, unknown or revoked.",
    HTTPStatus.FORBIDDEN: "It belongs to another account, or a quota does not allow it.",
    HTTPStatus.NOT_FOUND: "It is not there.",
    HTTPStatus.CONFLICT: "Its present state does not allow this, or the same request is not answered yet.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body has more than 1 MiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is not valid; `errors` says where.",
    HTTPStatus.TOO_MANY_REQUESTS: "The rate limit or a quota is used up.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of the service does not answer.",
}
# One event of a stream, taken apart as a browser does.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "complete"]},
        "id": {"type": "string", "description": "Grows with every event of a job."},
        "retry": {"type": "integer", "description": "Milliseconds until the browser asks again."},
        "data": {"type": "string", "description": "JSON."},
    },
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole description, as JSON data."""
    declared = list(routes)
    references, schemas = _schemas(declared)
    ways = links.between(declared, operation_id, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for route in declared:
        operation = _operation(route, references)
        for status, found in ways.get(operation["operationId"], {}).items():
            operation["responses"][status]["links"] = found
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "mediajobs", "version": mediajobs.__version__, "description": _DESCRIPTION},
        "servers": [{"url": ".", "description": "Where this document is."}],
        "tags": [
            {"name": tag, "description": _TAGS.get(tag, tag)} for tag in dict.fromkeys(route.tag for route in declared)
        ],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name, model, references)} for name, model in EVENT_MODELS.items()},
        "components": {"schemas": schemas, "securitySchemes": _SECURITY, "headers": headers.ANSWERED},
    }


def _webhook(name: str, model: Model, references: "_References") -> dict[str, Any]:
    return {
        "summary": f"What an endpoint with the event `{name}` is sent.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": references[model, "serialization"]}},
        },
        "responses": {"2XX": {"description": "It is delivered. Anything else is tried again."}},
    }


def operation_id(route: Route) -> str:
    """Returns tag and view, as `jobs_create`. A view's name that ends with the tag does not repeat it."""
    return f"{route.tag}_{route.view.__name__.removesuffix('_' + route.tag)}"


def path_parameters(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


_References = dict[tuple[Model, Literal["validation", "serialization"]], dict[str, Any]]


def _operation(route: Route, references: _References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [route.tag],
        "summary": route.summary,
        "parameters": [{"name": name, "in": "path", "required": True, **PATH[name]} for name in _named(route)]
        + _query_parameters(route.query)
        + headers.taken(route),
        "responses": {
            str(status.value): _answer(route, status, what, references) for status, what in _answers(route).items()
        },
        "security": _security(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.body:
        content = {"application/json": {"schema": references[route.body, "validation"]}}
        operation["requestBody"] = {"required": not route.body_optional, "content": content}
    return operation


def _named(route: Route) -> list[str]:
    return path_parameters(route.path)


def _answers(route: Route) -> dict[HTTPStatus, Any]:
    """What the route declares, and the problems that it can have."""
    problems = [HTTPStatus.SERVICE_UNAVAILABLE]
    if route.key:
        problems += [HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS]
    if _named(route):
        problems += [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT]
    if route.body or route.query or headers.is_idempotent(route):
        problems += [HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY]
    if headers.is_idempotent(route):
        problems += [HTTPStatus.CONFLICT]
    if route.body:
        problems += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    answers = dict.fromkeys(problems, ProblemDocument) | dict(route.answers)
    return dict(sorted(answers.items()))


def _answer(route: Route, status: HTTPStatus, what: Any, references: _References) -> dict[str, Any]:
    problem = what is ProblemDocument
    kinds = what if isinstance(what, tuple) else () if what is None else (what,)
    answer: dict[str, Any] = {
        "description": _PROBLEMS.get(status, status.phrase) if problem else status.phrase,
        "headers": headers.given(route, status),
    }
    if kinds:
        answer["content"] = dict(_content(kind, references) for kind in kinds)
    return answer


def _content(what: Model | str, references: _References) -> tuple[str, dict[str, Any]]:
    if isinstance(what, str):
        return what, {"schema": _EVENT if what.startswith("text/event-stream") else {"type": "string"}}
    kind = CONTENT_TYPE if what is ProblemDocument else "application/json"
    return kind, {"schema": references[what, "serialization"]}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.key is None:
        return []
    return [{"key": []}, {"key_in_query": []}] if route.key == "query" else [{"key": []}]


def _query_parameters(model: Model | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = _query_schema(model)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": value.pop("description", ""),
            "schema": value,
        }
        for name, value in ((name, _without_null(value)) for name, value in schema["properties"].items())
    ]


def _query_schema(model: Model) -> dict[str, Any]:
    return model.model_json_schema(ref_template=_REF, schema_generator=_Schema)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query cannot say null: what may be null may be left out."""
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    if schema.get("default", ...) is None:
        del schema["default"]
    merged: dict[str, Any] = schema | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})
    return merged


class _Schema(GenerateJsonSchema):
    """Without titles that only say the name again; what a document always has is required in it."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - as pydantic has it
        if self.mode == "serialization":
            return not field.get("serialization_exclude_if")
        return super().field_is_required(field, total)

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def _schemas(routes: list[Route]) -> tuple[_References, dict[str, Any]]:
    """Where each model's schema is, and all of them by name. A query is told by its parameters, not as a document."""
    taken = {route.body for route in routes if route.body}
    answers = [what for route in routes for what in route.answers.values()]
    kinds = [kind for what in answers for kind in (what if isinstance(what, tuple) else (what,))]
    given = {kind for kind in kinds if kind and not isinstance(kind, str)}
    modes: list[tuple[Model, Literal["validation", "serialization"]]] = []
    modes += [(model, "validation") for model in _by_name(taken)]
    modes += [(model, "serialization") for model in _by_name(given | {ProblemDocument} | set(EVENT_MODELS.values()))]
    references, schema = models_json_schema(modes, ref_template=_REF, schema_generator=_Schema)
    parts: dict[str, Any] = {}
    for query in {route.query for route in routes if route.query}:
        parts |= _query_schema(query).get("$defs", {})
    return cast("_References", references), parts | schema.get("$defs", {})


def _by_name(models: set[Model]) -> list[Model]:
    return sorted(models, key=lambda model: model.__name__)
