"""OpenAPI links: where an answer leads, told from the names that answers and paths share."""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from chalicelib.http.routes import Route

Links = dict[str, dict[str, Any]]


def between(
    routes: Iterable[Route], operation_id: Callable[[Route], str], schemas: dict[str, Any]
) -> dict[str, dict[str, Links]]:
    """Operation -> status -> links. Whoever makes something is led to every route about it, and a page to the
    next."""
    declared = list(routes)
    found: dict[str, dict[str, Links]] = {}
    for route in declared:
        for status, what in route.answers.items():
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                continue
            schema = schemas.get(getattr(what, "__name__", ""), {})
            names = _always(schema)
            ways = {
                operation_id(other): _link(operation_id(other), other, {name: name for name in _ids(other)})
                for other in declared
                if _leads(route, other, names)
            }
            if "next_cursor" in schema.get("required", []):
                ways["next"] = _link(operation_id(route), route, {"cursor": "next_cursor"})
                ways["next"]["parameters"] |= {name: f"$request.path.{name}" for name in sorted(_ids(route))}
            if ways:
                found.setdefault(operation_id(route), {})[str(status.value)] = ways
    return found


def _leads(route: Route, other: Route, names: set[str]) -> bool:
    """Whether the answer, which has these names, has all that the other's path asks for, and is about just that."""
    asked, own = _ids(other), _ids(route)
    if not asked or not names.issuperset(asked):
        return False
    return (route.method == "POST" or not own) and not own.issuperset(asked)


def _always(schema: dict[str, Any]) -> set[str]:
    """What is there, and never null."""
    return {name for name in schema.get("required", []) if schema["properties"][name].get("type") == "string"}


def _ids(route: Route) -> set[str]:
    return {name for name in re.findall(r"\{(\w+)\}", route.path) if name.endswith("_id")}


def _link(operation_id: str, route: Route, parameters: dict[str, str]) -> dict[str, Any]:
    """`parameters`: which of the answer's names each of them is."""
    return {
        "operationId": operation_id,
        "description": route.summary,
        "parameters": {parameter: f"$response.body#/{name}" for parameter, name in sorted(parameters.items())},
    }
