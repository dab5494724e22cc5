"""The API describes itself as it is."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from chalice.test import Client
from openapi_spec_validator import validate
from pydantic import ValidationError

from tests.doors import load

APP = load("api").app
from chalicelib import nouns  # noqa: E402 - its folder is on the path from here on


def ask(path: str) -> Any:
    with Client(APP) as client:
        return client.http.get(path)


def test_every_route_is_described_with_its_answers() -> None:
    document = ask("/openapi.json").json_body
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(method, path) for path, methods in APP.routes.items() for method in methods}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert any(status.startswith(("2", "3")) for status in operation["responses"])
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere() -> None:
    answer = ask("/openapi.json")
    schemas = answer.json_body["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', answer.body.decode()))
    assert references <= schemas.keys()
    assert {"JobDocument", "ProblemDocument", "CreateJob"} <= references


def test_the_key_is_asked_for_where_the_door_asks_for_it() -> None:
    paths = ask("/openapi.json").json_body["paths"]
    assert paths["/health"]["get"]["security"] == []
    assert paths["/jobs"]["post"]["security"] == [{"key": []}]
    assert {"key_in_query": []} in paths["/stream/{job_id}/master.m3u8"]["get"]["security"]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attributes)
        self.links |= {found[name] or "" for name in ("href", "src") if name in found}
        self.ids |= {found["id"] or ""} if "id" in found else set()


def test_the_page_needs_nothing_from_elsewhere_and_its_links_hold() -> None:
    answer = ask("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    page = Page()
    page.feed(answer.body.decode())
    assert "script" not in page.tags
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= page.ids
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json"}
    assert "/jobs/{job_id}" in answer.body.decode()
    assert not re.search(r"(src|srcset|action)\s*=|url\(|@import|<(link|iframe|object|img|form)", answer.body.decode())


def test_the_document_is_openapi() -> None:
    validate(ask("/openapi.json").json_body)


def test_every_call_says_what_it_means() -> None:
    document = ask("/openapi.json").json_body
    described = {tag["name"] for tag in document["tags"] if tag["description"] != tag["name"]}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert set(operation["tags"]) <= described
            assert all(parameter["description"] for parameter in operation["parameters"]), operation["operationId"]


def test_answers_have_the_headers_that_they_have() -> None:
    paths = ask("/openapi.json").json_body["paths"]
    get, create = paths["/jobs/{job_id}"]["get"], paths["/jobs"]["post"]
    assert get["responses"]["200"]["headers"].keys() == {"X-Request-Id", "RateLimit", "RateLimit-Policy", "ETag"}
    assert "ETag" in get["responses"]["304"]["headers"]
    assert {"If-None-Match"} <= {parameter["name"] for parameter in get["parameters"]}
    assert {"Idempotency-Key"} <= {parameter["name"] for parameter in create["parameters"]}
    assert create["responses"]["202"]["headers"]["Location"]["required"]
    assert "Idempotency-Replayed" in create["responses"]["201"]["headers"]
    assert "RateLimit" not in create["responses"]["401"]["headers"]
    for methods in paths.values():
        for operation in methods.values():
            assert all("X-Request-Id" in answer["headers"] for answer in operation["responses"].values())
            assert "429" in operation["responses"] or not operation["security"]


def test_what_is_made_links_to_all_that_can_be_done_with_it() -> None:
    paths = ask("/openapi.json").json_body["paths"]
    links = paths["/jobs"]["post"]["responses"]["201"]["links"]
    about = {
        operation["operationId"]
        for path, methods in paths.items()
        if "{job_id}" in path
        for operation in methods.values()
    }
    assert {link["operationId"] for link in links.values()} == about
    assert all(link["parameters"]["job_id"] == "$response.body#/job_id" for link in links.values())
    assert paths["/jobs"]["get"]["responses"]["200"]["links"]["next"]["parameters"] == {
        "cursor": "$response.body#/next_cursor"
    }


def test_a_field_is_taken_by_the_name_alone_that_is_described() -> None:
    """What pydantic calls it inside is as unknown as any other name."""
    for model in {model for route in nouns.all_routes() for model in (route.body, route.query) if model}:
        described = model.model_json_schema()
        example = described.get("examples", [{}])[0]
        for name in (*model.model_fields, "no_such_field"):
            if name not in described["properties"]:
                with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
                    model.model_validate_json(json.dumps(example | {name: None}))


def test_the_example_of_a_body_is_one() -> None:
    for route in nouns.all_routes():
        if route.body:
            for example in route.body.model_json_schema()["examples"]:
                route.body.model_validate_json(json.dumps(example))
