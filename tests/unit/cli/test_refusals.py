"""What the API refuses, in the command line's words."""

import json
from typing import Any

import pytest
from requests import Response

from infra.cli.api.client import COMMANDS_FOR_ADVICE, _api_error
from infra.cli.command_errors import ApiError
from infra.paths import ROOT

SAID = "".join(
    file.read_text() for folder in ("functions/api", "layers/python") for file in sorted((ROOT / folder).rglob("*.py"))
)


def refused(detail: str, *errors: dict[str, Any], **headers: str) -> ApiError:
    response = Response()
    response.status_code = 422
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    response._content = json.dumps({"title": "No", "detail": detail, "errors": errors}).encode()
    return _api_error(response)


def test_what_the_api_says_twice_is_said_once() -> None:
    wrong, other = {"loc": ["sort_by"], "msg": "not so"}, {"loc": ["filter", "priority"], "msg": "too low"}
    assert refused("The request is not valid: sort_by: not so.", wrong, other).hints == ("filter.priority: too low",)
    assert refused("Try again in 7 seconds.", Retry_After="7").hints == ()
    assert refused("Later.", Retry_After="7").hints == ("Try again in 7 s.",)


@pytest.mark.parametrize("advice", COMMANDS_FOR_ADVICE)
def test_its_advice_names_a_command(advice: str) -> None:
    assert advice in SAID, "the API does not say that any more"
    told = refused(f"It is so. {advice} yours.").message
    assert advice not in told
    assert "mediajobs " in told
