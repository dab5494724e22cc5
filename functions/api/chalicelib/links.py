"""OpenAPI links: where an answer leads, told from the names that answers and paths share."""

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from chalicelib.routes import Route

Links = dict[str, dict[str, Any]]


def between(
    routes: Iterable[Route], operation_id: Callable[[Route], str], schemas: dict[str, Any]
) -> dict[str, dict[str, Links]]:
    """Operation -> status -> links. Whoever makes something is led to every route about it, in which its id is all
    that is open; whoever changes it is led back to it."""
    declared = list(routes)
    found: dict[str, dict[str, Links]] = {}
    for route in declared:
        for status, what in route.answers.items():
            name = _names(what, schemas)
            if name is None or not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                continue
            there = [other for other in declared if _leads(route, other, name)]
            if there:
                found.setdefault(operation_id(route), {})[str(status.value)] = {
                    operation_id(other): _link(operation_id(other), other, name) for other in there
                }
    return found


def _names(what: Any, schemas: dict[str, Any]) -> str | None:
    """The id that a document is sure to have."""
    required = schemas.get(getattr(what, "__name__", ""), {}).get("required", [])
    return next((name for name in required if name.endswith("_id")), None)


def _leads(route: Route, other: Route, name: str) -> bool:
    if re.findall(r"\{(\w+)\}", other.path) != [name]:
        return False
    makes = route.method == "POST" and "{" not in route.path
    back = route.method != "DELETE" and other.method == "GET" and other.path == route.path.partition("}")[0] + "}"
    return makes or (back and other.view is not route.view)


def _link(operation_id: str, route: Route, name: str) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "description": route.summary,
        "parameters": {name: f"$response.body#/{name}"},
    }
