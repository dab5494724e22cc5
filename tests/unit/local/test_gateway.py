"""What the gateway says by itself is as the function would say it."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from tests.support.functions import load
from tests.support.template import template

load("api")
from chalicelib.http import responses  # noqa: E402 - its folder is on the path from here on

RESPONSES: dict[str, Any] = template()["Resources"]["Api"]["Properties"]["GatewayResponses"]
# What API Gateway sends for each kind (its reference, "Gateway response types"), and what we make of it.
OWN = {
    "ACCESS_DENIED": 403, "BAD_REQUEST_BODY": 400, "BAD_REQUEST_PARAMETERS": 400, "EXPIRED_TOKEN": 403,
    "INVALID_SIGNATURE": 403, "QUOTA_EXCEEDED": 429, "REQUEST_TOO_LARGE": 413, "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429, "UNAUTHORIZED": 401, "UNSUPPORTED_MEDIA_TYPE": 415, "WAF_FILTERED": 403,
    "MISSING_AUTHENTICATION_TOKEN": 404, "INTEGRATION_TIMEOUT": 503, "INTEGRATION_FAILURE": 503,
    "API_CONFIGURATION_ERROR": 503,
}  # fmt: skip


def response(kind: str) -> Any:
    return RESPONSES.get(kind) or RESPONSES["DEFAULT_5XX" if OWN[kind] == 503 else "DEFAULT_4XX"]


@pytest.mark.parametrize("kind", RESPONSES)
def test_body_and_status_agree(kind: str) -> None:
    text = RESPONSES[kind]["ResponseTemplates"]["application/json"]
    document = json.loads(text.replace("$context.error.messageString", '"A message."'))
    assert document["status"] == RESPONSES[kind]["StatusCode"]
    assert document["title"] == HTTPStatus(document["status"]).phrase
    assert document["detail"]
    assert document["instance"] == "$context.path"


@pytest.mark.parametrize("kind", OWN)
def test_each_kind_keeps_a_status_that_says_what_happened(kind: str) -> None:
    assert response(kind)["StatusCode"] == OWN[kind]


@pytest.mark.parametrize("kind", RESPONSES)
def test_it_has_the_headers_that_are_everywhere(kind: str) -> None:
    headers = RESPONSES[kind]["ResponseParameters"]["Headers"]
    assert headers["X-Request-Id"] == "context.requestId"
    assert headers["Content-Type"] == "'application/problem+json'"
    everywhere = {name: f"'{value}'" for name, value in (responses.DATA_HEADERS | responses.COMMON_HEADERS).items()}
    del everywhere["Content-Security-Policy"]  # with quotes in it, which a mapping cannot have
    assert headers.items() >= everywhere.items()
    assert headers["Content-Security-Policy"] == "'sandbox'"
    assert headers["X-Frame-Options"] == "'DENY'"
