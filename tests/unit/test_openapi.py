"""The API describes itself as it is."""

import re
from html.parser import HTMLParser
from typing import Any

from chalice.test import Client

from tests.doors import load

APP = load("api").app


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
