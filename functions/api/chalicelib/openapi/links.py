"""OpenAPI links: operations that an answer leads to, found by the names that answers and paths share."""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from chalicelib.http.routes import Route

Links = dict[str, dict[str, Any]]


def between(
    routes: Iterable[Route], operation_id: Callable[[Route], str], schemas: dict[str, Any]
) -> dict[str, dict[str, Links]]:
    """Returns operation -> status -> links.

    The answer that creates something leads to every operation on it, and a page leads to the next page.
    """
    declared = list(routes)
    by_operation: dict[str, dict[str, Links]] = {}
    for route in declared:
        for status, content in route.answers.items():
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                continue
            schema = schemas.get(getattr(content, "__name__", ""), {})
            names = _present_strings(schema)
            links = {
                operation_id(other): _link(operation_id(other), other, {name: name for name in _ids(other)})
                for other in declared
                if _leads(route, other, names)
            }
            if "next_cursor" in schema.get("required", []):
                links["next"] = _link(operation_id(route), route, {"cursor": "next_cursor"})
                links["next"]["parameters"] |= {name: f"$request.path.{name}" for name in sorted(_ids(route))}
            if links:
                by_operation.setdefault(operation_id(route), {})[str(status.value)] = links
    return by_operation


def _leads(route: Route, other: Route, names: set[str]) -> bool:
    """Whether an answer with these fields has every id of the other path, and is about exactly what these ids name."""
    needed, own = _ids(other), _ids(route)
    if not needed or not names.issuperset(needed):
        return False
    return (route.method == "POST" or not own) and not own.issuperset(needed)


def _present_strings(schema: dict[str, Any]) -> set[str]:
    """Returns the fields that are always present and are strings, never null."""
    return {name for name in schema.get("required", []) if schema["properties"][name].get("type") == "string"}


def _ids(route: Route) -> set[str]:
    return {name for name in re.findall(r"\{(\w+)\}", route.path) if name.endswith("_id")}


def _link(operation_id: str, route: Route, parameters: dict[str, str]) -> dict[str, Any]:
    """`parameters`: the path parameters, and the field of the answer that each of them has its value from."""
    return {
        "operationId": operation_id,
        "description": route.summary,
        "parameters": {parameter: f"$response.body#/{name}" for parameter, name in sorted(parameters.items())},
    }
