"""OpenAPI 3.1 of what the routes declare."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

import mediajobs
from chalicelib.problems import CONTENT_TYPE, ProblemDocument
from chalicelib.routes import Model, Route

_REF = "#/components/schemas/"
_JOB_ID = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
_SECURITY = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "key_in_query": {"type": "apiKey", "in": "query", "name": "api_key"},
}
_DESCRIPTION = "A video goes in; renditions, audio, HLS, a thumbnail and a transcript come out."


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole description, as JSON data."""
    declared = list(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in declared:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mediajobs", "version": mediajobs.__version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": _schemas(declared), "securitySchemes": _SECURITY},
    }


def path_parameters(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.view.__module__.rpartition(".")[2] + "_" + route.view.__name__,
        "summary": route.summary,
        "parameters": [_path_parameter(name) for name in path_parameters(route.path)] + _query_parameters(route.query),
        "responses": {str(status.value): _answer(status, what) for status, what in _answers(route).items()},
        "security": _security(route),
    }
    if route.body:
        content = {"application/json": {"schema": _ref(route.body)}}
        operation["requestBody"] = {"required": not route.body_optional, "content": content}
    return operation


def _answers(route: Route) -> dict[HTTPStatus, Any]:
    """What the route declares, and the problems that it can have."""
    problems = [HTTPStatus.SERVICE_UNAVAILABLE]
    if route.key:
        problems += [HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS]
    if path_parameters(route.path):
        problems += [HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT]
    if route.body or route.query:
        problems += [HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY]
    if route.body:
        problems += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.CONFLICT]
    return dict.fromkeys(sorted(problems), ProblemDocument) | dict(route.answers)


def _answer(status: HTTPStatus, what: Model | str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": status.phrase}
    if isinstance(what, str):
        answer["content"] = {what: {"schema": {"type": "string"}}}
    elif what is not None:
        kind = CONTENT_TYPE if what is ProblemDocument else "application/json"
        answer["content"] = {kind: {"schema": _ref(what)}}
    return answer


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.key is None:
        return []
    return [{"key": []}, {"key_in_query": []}] if route.key == "query" else [{"key": []}]


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _JOB_ID if name == "job_id" else {"type": "string"}}


def _query_parameters(model: Model | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=_REF + "{model}")
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": value}
        for name, value in schema["properties"].items()
    ]


def _schemas(routes: list[Route]) -> dict[str, Any]:
    models: set[Model] = {ProblemDocument}
    for route in routes:
        models |= {model for model in (route.body, route.query) if model}
        models |= {what for what in route.answers.values() if what is not None and not isinstance(what, str)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF + "{model}")
    definitions: dict[str, Any] = schema.get("$defs", {})
    return definitions


def _ref(model: Model) -> dict[str, str]:
    return {"$ref": _REF + model.__name__}
