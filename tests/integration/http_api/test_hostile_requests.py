"""What a request may cost: bodies and queries that are made to be expensive, for every route of the route table.

Work is counted, not timed: errors in the answer, values that are validated, calls to AWS.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from chalice.test import Client, HTTPResponse
from pydantic import BaseModel

from mediajobs.accounts import key_store
from mediajobs.api.size_limits import AtMost
from mediajobs.jobs import lifecycle
from tests.support.aws_calls import calls
from tests.support.functions import load

APP = load("api").app
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on
from chalicelib.http.routes import Route  # noqa: E402

pytestmark = pytest.mark.usefixtures("cloud")

ROUTES = route_table.all_routes()
MAX_ANSWER = 64 * 1024
MAX_ERRORS = 20
VALUES: dict[str, Callable[[int], bytes]] = {
    "numbers": lambda size: b"[" + b",".join([b"1"] * (size // 2)) + b"]",
    "lists": lambda size: b"[" + b",".join([b"[]"] * (size // 3)) + b"]",
    "strings": lambda size: b"[" + b",".join([b'"x"'] * (size // 4)) + b"]",
    "nesting": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "objects in objects": lambda size: b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6),
    "many names": lambda size: b"{" + b",".join(b'"%x":1' % number for number in range(size // 9)) + b"}",
    "one name": lambda size: b"{" + b",".join([b'"a":1'] * (size // 6)) + b"}",
    "a long string": lambda size: b'"' + b"x" * size + b'"',
    "a long integer": lambda size: b"9" * size,
    "infinity": lambda _: b"1e999",
    "a long fraction": lambda size: b"0." + b"1" * size,
    "a lone surrogate": lambda size: b'"' + b"\\ud800" * (size // 6) + b'"',
    "escapes": lambda size: b'"' + b"\\u0000" * (size // 6) + b'"',
}


class Service:
    def __init__(self, client: Client, key: str) -> None:
        self.client, self.key = client, key

    def send(self, route: Route, body: bytes = b"", query: str = "", **headers: str) -> HTTPResponse:
        sent = {"Content-Type": "application/json", "X-API-Key": self.key, **headers}
        return self.client.http.request(route.method, path_of(route) + (f"?{query}" if query else ""), sent, body)


@pytest.fixture
def service(cloud: None) -> Iterator[Service]:
    for queue in ("background", "attempts"):
        boto3.client("sqs").create_queue(QueueName=queue)
    with Client(APP) as client:
        yield Service(client, key_store.create("acme", requests_per_minute=100_000))


@pytest.mark.parametrize("kind", VALUES)
def test_no_value_of_a_body_makes_an_answer_large(service: Service, kind: str) -> None:
    for route in (route for route in ROUTES if route.body):
        for body in (*bodies(route, VALUES[kind]), VALUES[kind](route.max_body_bytes - 10)):
            check_is_small(route, service.send(route, body[: route.max_body_bytes]))


@pytest.mark.parametrize("kind", ["numbers", "strings", "many names"])
def test_an_idempotency_key_makes_no_body_expensive(service: Service, kind: str) -> None:
    for number, route in enumerate(route for route in ROUTES if route.method == "POST"):
        body = VALUES[kind](route.max_body_bytes - 10)
        check_is_small(route, service.send(route, body, **{"Idempotency-Key": f"{kind}-{number}".replace(" ", "-")}))


def test_a_body_over_the_limit_of_its_route_costs_nothing(service: Service) -> None:
    for route in ROUTES:
        body = VALUES["numbers"](route.max_body_bytes + 10)[: route.max_body_bytes + 1]
        with calls() as sent:
            answer = service.send(route, body)
        assert (answer.status_code, sent) == (413, []), describe(route, answer)
        if route.method != "HEAD":
            assert f"{route.max_body_bytes // 1024} KiB" in answer.json_body["detail"]


def test_most_routes_take_little() -> None:
    larger = {route.path: route.max_body_bytes for route in ROUTES if route.max_body_bytes > 64 * 1024}
    assert larger == {"/jobs/{job_id}/upload/complete": 256 * 1024}


def test_a_list_that_is_too_long_is_refused_before_its_entries_are_looked_at(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Any] = []
    monkeypatch.setattr(lifecycle.Status, "_missing_", classmethod(lambda _, value: looked_at.append(value)))
    route = next(route for route in ROUTES if route.path == "/jobs/retry")
    answer = service.send(route, b'{"filter": {"status": [' + b",".join([b"1"] * 30_000) + b"]}}")
    assert answer.status_code == 422
    assert answer.json_body["errors"] == [
        {"loc": ["filter", "status"], "msg": "it may have at most 2 entries, and has 30000"}
    ]
    assert looked_at == []


def test_a_list_is_bounded_at_its_limit_and_not_below() -> None:
    class Request(BaseModel):
        names: list[str]

    assert AtMost(2).check(["a", "b"]) == ["a", "b"]
    with pytest.raises(ValueError, match="at most 2 entries, and has 3"):
        AtMost(2).check(["a", "b", "c"])


def test_unknown_fields_by_the_thousand_are_one_error(service: Service) -> None:
    for route in (route for route in ROUTES if route.body):
        answer = service.send(route, VALUES["many names"](60_000))
        assert answer.status_code == 422, describe(route, answer)
        assert len(answer.json_body["errors"]) == 1, describe(route, answer)


def test_long_names_and_texts_are_cut(service: Service) -> None:
    route = next(route for route in ROUTES if (route.method, route.path) == ("POST", "/jobs"))
    answer = service.send(route, json.dumps({"x" * 30_000: 1, "y" * 20_000: 1}).encode())
    assert answer.status_code == 422
    assert len(answer.body) < 2000


def test_at_most_twenty_errors_are_shown_and_all_are_counted(service: Service) -> None:
    route = next(route for route in ROUTES if route.path == "/jobs/batch-status")
    answer = service.send(route, json.dumps({"job_ids": list(range(1000))}).encode())
    assert len(answer.json_body["errors"]) == MAX_ERRORS
    assert "There are 1000 errors; 20 are shown." in answer.json_body["detail"]


def test_a_query_of_thousands_is_refused(service: Service) -> None:
    for route in ROUTES:
        names = [*(route.query.model_fields if route.query else ()), "no_such_parameter", "api_key"]
        for name in names:
            repeated = urlencode([(name, "completed")] * 5000)
            check_is_small(route, service.send(route, query=repeated))
        check_is_small(route, service.send(route, query=urlencode([(f"p{number}", "1") for number in range(5000)])))


@pytest.mark.parametrize("value", ["9" * 5000, "1e999", "-1", "x" * 9000, "\x00" * 3000, "'\"<>", "é" * 2000])
def test_no_value_of_a_query_makes_an_answer_large(service: Service, value: str) -> None:
    for route in (route for route in ROUTES if route.query):
        for name in route.query.model_fields if route.query else ():
            check_is_small(route, service.send(route, query=urlencode({name: value})))


def bodies(route: Route, value: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yields the example of a route with this value in each of its fields, and in those of its objects."""
    schema = route.body.model_json_schema() if route.body else {}
    example = schema.get("examples", [{}])[0]
    room = route.max_body_bytes - len(json.dumps(example)) - 200
    for path in fields(schema, schema.get("$defs", {})):
        yield json.dumps(replaced(example, path)).encode().replace(b'"<here>"', value(room), 1)


def fields(schema: dict[str, Any], definitions: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, ...]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for name, field in schema.get("properties", {}).items():
        yield (name,)
        if depth < 3:
            yield from ((name, *rest) for rest in fields(field, definitions, depth + 1))


def replaced(document: Any, path: tuple[str, ...]) -> dict[str, Any]:
    inner = document if isinstance(document, dict) else {}
    first, *rest = path
    return {**inner, first: replaced(inner.get(first), tuple(rest)) if rest else "<here>"}


def check_is_small(route: Route, answer: HTTPResponse) -> None:
    assert answer.status_code < 500, describe(route, answer)
    is_document = answer.headers.get("Content-Type", "").startswith("text/html") or route.path == "/openapi.json"
    if answer.status_code >= 400 or not is_document:
        assert len(answer.body) <= MAX_ANSWER, describe(route, answer)
    if answer.headers.get("Content-Type") == "application/problem+json" and answer.body:
        assert len(answer.json_body.get("errors", ())) <= MAX_ERRORS, describe(route, answer)


def describe(route: Route, answer: HTTPResponse) -> str:
    return f"{route.method} {route.path}: {answer.status_code}, {len(answer.body)} bytes: {answer.body[:300]!r}"


def path_of(route: Route) -> str:
    return route.path.replace("{job_id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV").replace("{", "").replace("}", "")
