"""The OpenAPI 3.1 document, made from the declarations of the routes."""

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
        "description": "For players and EventSource, which cannot set headers. A job token is the safer way.",
    },
    "job_token": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "Opens one job for a time: `POST /jobs/{job_id}/tokens` makes one.",
    },
}
_DESCRIPTION = (
    "Turns a video into renditions, audio, HLS, a thumbnail and a transcript.\n\n"
    "Times are RFC 3339 in UTC, durations seconds, sizes bytes. Every error is a problem document (RFC 9457) whose "
    "`detail` says what to do. A POST with an `Idempotency-Key` may be sent again."
)
_TAGS = {
    "jobs": "Create jobs, find, cancel, retry and delete them, read their statistics, download their outputs.",
    "batches": "Jobs that were created with the same `batch_id`.",
    "stream": "Play the outputs of a job by HLS; look over it by its storyboard.",
    "events": "Follow a job's progress: by server-sent events here, or by the WebSocket that docs/live.md describes.",
    "webhooks": "Be notified when a job ends, at an address of yours; read what was sent there and with what result.",
    "usage": "What this key and its account have used, and their limits.",
    "service": "The health of the service.",
    "about": "The description of this API.",
}
# What a status means where it is a problem. The document's `detail` says more.
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The request is malformed, or cannot be carried out.",
    HTTPStatus.UNAUTHORIZED: "The API key is missing, malformed, unknown or revoked, or the job token is not valid.",
    HTTPStatus.FORBIDDEN: "It belongs to another account, or a quota does not allow it.",
    HTTPStatus.NOT_FOUND: "It does not exist.",
    HTTPStatus.CONFLICT: "Its present state does not allow this, or the same request is not answered yet.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than this call takes; `detail` has the limit.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is not valid; `errors` says where.",
    HTTPStatus.TOO_MANY_REQUESTS: "The rate limit or a quota is used up.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of the service does not answer, or too many requests change one item.",
}
# One server-sent event, as a browser parses it.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "complete"]},
        "id": {"type": "string", "description": "Greater for every later event of a job."},
        "retry": {"type": "integer", "description": "Milliseconds until the browser asks again."},
        "data": {"type": "string", "description": "JSON."},
    },
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Returns the OpenAPI document as JSON data."""
    declared = list(routes)
    references, schemas = _schemas(declared)
    links_by_operation = links.between(declared, operation_id, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for route in declared:
        operation = _operation(route, references)
        for status, answer_links in links_by_operation.get(operation["operationId"], {}).items():
            operation["responses"][status]["links"] = answer_links
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "mediajobs", "version": mediajobs.__version__, "description": _DESCRIPTION},
        "servers": [{"url": ".", "description": "The folder of this document."}],
        "tags": [
            {"name": tag, "description": _TAGS.get(tag, tag)} for tag in dict.fromkeys(route.tag for route in declared)
        ],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name, model, references)} for name, model in EVENT_MODELS.items()},
        "components": {"schemas": schemas, "securitySchemes": _SECURITY, "headers": headers.ANSWER_HEADERS},
    }


def _webhook(name: str, model: Model, references: "_References") -> dict[str, Any]:
    return {
        "summary": f"The body that is sent to endpoints with the event `{name}`.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": references[model, "serialization"]}},
        },
        "responses": {"2XX": {"description": "It is delivered. After any other answer it is sent again."}},
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
        "parameters": [
            {"name": name, "in": "path", "required": True, **PATH[name]} for name in path_parameters(route.path)
        ]
        + _query_parameters(route.query)
        + headers.parameters(route),
        "responses": {
            str(status.value): _answer(route, status, content, references)
            for status, content in _answers(route).items()
        },
        "security": _security(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.body:
        content = {"application/json": {"schema": references[route.body, "validation"]}}
        operation["requestBody"] = {
            "description": f"At most {route.max_body_bytes // 1024} KiB.",
            "required": not route.body_optional,
            "content": content,
        }
    return operation


def _answers(route: Route) -> dict[HTTPStatus, Any]:
    """Returns the answers that the route declares, and the problems that follow from its declaration."""
    problems = [HTTPStatus.SERVICE_UNAVAILABLE]
    if route.key:
        problems += [HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS]
    if path_parameters(route.path):
        problems += [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT]
    if route.body or route.query or headers.is_idempotent(route):
        problems += [HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY]
    if headers.is_idempotent(route):
        problems += [HTTPStatus.CONFLICT]
    if route.body:
        problems += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    answers = dict.fromkeys(problems, ProblemDocument) | dict(route.answers)
    return dict(sorted(answers.items()))


def _answer(route: Route, status: HTTPStatus, content: Any, references: _References) -> dict[str, Any]:
    problem = content is ProblemDocument
    contents = content if isinstance(content, tuple) else () if content is None else (content,)
    answer: dict[str, Any] = {
        "description": _PROBLEMS.get(status, status.phrase) if problem else status.phrase,
        "headers": headers.of_answer(route, status),
    }
    if contents:
        answer["content"] = dict(_content(content, references) for content in contents)
    return answer


def _content(content: Model | str, references: _References) -> tuple[str, dict[str, Any]]:
    """Returns the media type and its description, of a model or of a media type alone."""
    if isinstance(content, str):
        return content, {"schema": _EVENT if content.startswith("text/event-stream") else {"type": "string"}}
    media_type = CONTENT_TYPE if content is ProblemDocument else "application/json"
    return media_type, {"schema": references[content, "serialization"]}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.key is None:
        return []
    names = ("key", "job_token", "key_in_query") if route.key == "query" else ("key", "job_token")[: 1 + route.token]
    return [{name: []} for name in names]


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
    """A query has no null: a parameter that may be null is optional."""
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    if schema.get("default", ...) is None:
        del schema["default"]
    merged: dict[str, Any] = schema | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})
    return merged


class _Schema(GenerateJsonSchema):
    """Leaves out titles, which only repeat names. In answers, every field that is always present is required."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - the signature is pydantic's
        if self.mode == "serialization":
            return not field.get("serialization_exclude_if")
        return super().field_is_required(field, total)

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def _schemas(routes: list[Route]) -> tuple[_References, dict[str, Any]]:
    """Returns the reference of each model, and the schemas by name. A query has parameters, but no schema."""
    bodies = {route.body for route in routes if route.body}
    answers = [answer for route in routes for answer in route.answers.values()]
    contents = [content for answer in answers for content in (answer if isinstance(answer, tuple) else (answer,))]
    documents = {content for content in contents if content and not isinstance(content, str)}
    modes: list[tuple[Model, Literal["validation", "serialization"]]] = []
    modes += [(model, "validation") for model in _by_name(bodies)]
    modes += [
        (model, "serialization") for model in _by_name(documents | {ProblemDocument} | set(EVENT_MODELS.values()))
    ]
    references, schema = models_json_schema(modes, ref_template=_REF, schema_generator=_Schema)
    definitions: dict[str, Any] = {}
    for query in {route.query for route in routes if route.query}:
        definitions |= _query_schema(query).get("$defs", {})
    return cast("_References", references), definitions | schema.get("$defs", {})


def _by_name(models: set[Model]) -> list[Model]:
    return sorted(models, key=lambda model: model.__name__)
