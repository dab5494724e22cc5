"""OpenAPI links: where an answer leads, told from the names that answers and paths share."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from chalicelib.routes import Route

Links = dict[str, dict[str, Any]]


def between(
    routes: Iterable[Route], operation_id: Callable[[Route], str], schemas: dict[str, Any]
) -> dict[str, dict[str, Links]]:
    """Operation -> status -> links. Whoever makes something is led to every route about it, whoever changes it back
    to it, and a page to the next."""
    declared = list(routes)
    found: dict[str, dict[str, Links]] = {}
    for route in declared:
        for status, what in route.answers.items():
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                continue
            names = schemas.get(getattr(what, "__name__", ""), {}).get("required", [])
            ways = {
                operation_id(other): _link(operation_id(other), other, name)
                for name in names
                for other in declared
                if name.endswith("_id") and _leads(route, other, name)
            }
            if "next_cursor" in names:
                ways["next"] = _link(operation_id(route), route, "next_cursor", "cursor")
            if ways:
                found.setdefault(operation_id(route), {})[str(status.value)] = ways
    return found


def _leads(route: Route, other: Route, name: str) -> bool:
    if f"{{{name}}}" not in other.path:
        return False
    makes = "{" not in route.path
    back = route.method != "DELETE" and other.method == "GET" and other.path == route.path.partition("}")[0] + "}"
    return makes or (back and other.view is not route.view)


def _link(operation_id: str, route: Route, name: str, parameter: str | None = None) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "description": route.summary,
        "parameters": {parameter or name: f"$response.body#/{name}"},
    }
