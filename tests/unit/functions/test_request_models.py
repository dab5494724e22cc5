"""Every string, list and object that a request may have is bounded: found by a walk over all request models."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from mediajobs.live_progress.messages import Message
from tests.support.functions import load

load("api")
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on

MODELS: list[type[BaseModel]] = sorted(
    {model for route in route_table.all_routes() for model in (route.body, route.query) if model} | {Message},
    key=lambda model: model.__name__,
)
UNBOUNDED_REPEAT = re.compile(r"(?<!\\)[*+]|\{\d+,\}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_of_a_request_is_bounded(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert list(unbounded(schema, schema.get("$defs", {}), model.__name__)) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "pattern": "^a+$"},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "array", "maxItems": 3, "items": {"type": "string"}},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": False, "properties": {"a": {"anyOf": [{"type": "string"}]}}},
        {},
    ],
    ids=str,
)
def test_the_walk_finds_what_has_no_bound(schema: dict[str, Any]) -> None:
    assert list(unbounded(schema, {}, "it"))


def unbounded(schema: dict[str, Any], definitions: dict[str, Any], where: str) -> Iterator[str]:
    """Yields where in a JSON schema a string, list or object of any size is accepted."""
    if "$ref" in schema:
        yield from unbounded(definitions[schema["$ref"].rpartition("/")[2]], definitions, where)
        return
    if not {"type", "anyOf", "enum", "const"} & schema.keys():
        yield f"{where} may be anything"
    for name, value in schema.get("properties", {}).items():
        yield from unbounded(value, definitions, f"{where}.{name}")
    choices = schema.get("anyOf", [])
    if schema.get("type") != "string":  # the choices of a string are formats, which bound it
        for choice in choices:
            yield from unbounded(choice, definitions, where)
    if not is_bounded(schema):
        yield where
    if schema.get("type") == "array":
        yield from unbounded(schema["items"], definitions, f"{where}[]")


def is_bounded_string(schema: dict[str, Any]) -> bool:
    has_format = "format" in schema or all("format" in choice for choice in schema.get("anyOf", [{}]))
    pattern = schema.get("pattern")
    is_short = pattern is not None and not UNBOUNDED_REPEAT.search(re.sub(r"\[[^\]]*\]", "x", pattern))
    return bool({"enum", "const", "maxLength"} & schema.keys()) or is_short or has_format


def is_bounded(schema: dict[str, Any]) -> bool:
    if schema.get("type") == "string":
        return is_bounded_string(schema)
    if schema.get("type") == "array":
        return "maxItems" in schema
    return not schema.get("additionalProperties") or "maxProperties" in schema  # without it, they are ignored
