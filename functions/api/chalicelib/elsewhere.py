"""What no route is for: an unknown path is 404, a known one with another method 405."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from chalicelib.problems import Problem

CATCH_ALL = "/{proxy+}"


def problem(path: str, method: str, routes: Mapping[str, Iterable[str]]) -> Problem:
    for pattern, methods in routes.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            allowed = ", ".join(sorted(methods))
            detail = f"{path} does not take {method}. It takes: {allowed}."
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
    return Problem(HTTPStatus.NOT_FOUND, f"There is nothing at {path}.")
