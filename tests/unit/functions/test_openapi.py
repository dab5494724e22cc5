"""The API describes itself as it is."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from chalice.test import Client
from openapi_spec_validator import validate
from pydantic import BaseModel, ValidationError

from mediajobs.api.request_types import BATCH_ID
from mediajobs.commands.schemas import RetryJobs
from mediajobs.jobs.events import event_of
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.schemas import CreateJob
from mediajobs.webhooks.endpoints import EVENTS
from mediajobs.webhooks.event_schemas import EVENT_MODELS
from mediajobs.webhooks.payloads import payload
from mediajobs.webhooks.schemas import ListDeliveries
from tests.support.functions import load

APP = load("api").app
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on
from chalicelib.http.problems import of_validation  # noqa: E402


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
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

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


def test_the_page_tells_all_that_the_document_tells_in_words() -> None:
    document, page = ask("/openapi.json").json_body, Page()
    page.feed(ask("/docs").body.decode())
    assert "`" not in page.text
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    schemas = document["components"]["schemas"].values()
    fields = [field for schema in schemas for field in schema.get("properties", {}).values()]
    parameters = [parameter for operation in operations for parameter in operation["parameters"]]
    for described in (document["info"], *operations, *parameters, *schemas, *fields):
        for paragraph in described.get("description", "").replace("`", "").split("\n\n"):
            assert paragraph in page.text


def test_the_document_is_openapi() -> None:
    validate(ask("/openapi.json").json_body)


def test_every_call_says_what_it_means() -> None:
    document = ask("/openapi.json").json_body
    described = {tag["name"] for tag in document["tags"] if tag["description"] != tag["name"]}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert set(operation["tags"]) <= described
            assert all(parameter["description"] for parameter in operation["parameters"]), operation["operationId"]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.UPLOADING])
def test_what_webhooks_are_sent_is_described_as_it_is(status: Status) -> None:
    row = {"item": "job", "job_id": "J", "account": "a", "status": status, "filename": "a.mp4", "updated_at": ""}
    told = event_of({}, row | {"version": 2, "attempt": 1, "priority": 5})
    assert told is not None
    sent = payload(told.model_copy(update={"outputs": ("360p", "transcript_txt")}), 40)
    assert EVENT_MODELS[sent["event"]].model_validate(sent).model_dump() == sent
    assert EVENT_MODELS.keys() == set(EVENTS)
    described = ask("/openapi.json").json_body["webhooks"][sent["event"]]["post"]["requestBody"]
    assert EVENT_MODELS[sent["event"]].__name__ in described["content"]["application/json"]["schema"]["$ref"]


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
    for model in {model for route in route_table.all_routes() for model in (route.body, route.query) if model}:
        described = model.model_json_schema()
        example = described.get("examples", [{}])[0]
        for name in (*model.model_fields, "no_such_field"):
            if name not in described["properties"]:
                with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
                    model.model_validate_json(json.dumps(example | {name: None}))


MALFORMED: list[tuple[type[BaseModel], str, Any, str]] = [
    (CreateJob, "filename", "a/b.mp4", "filename: write it without slashes, backslashes and control characters."),
    (
        CreateJob,
        "batch_id",
        "two words",
        "batch_id: use 1 to 64 letters, digits, dots, colons, hyphens and underscores, and not dots alone.",
    ),
    (CreateJob, "batch_id", "..", "batch_id: use 1 to 64 letters"),
    (CreateJob, "batch_id", "b" * 65, "batch_id: use 1 to 64 letters"),
    (CreateJob, "user_metadata", {"a": float("nan")}, "user_metadata: NaN and Infinity are no JSON"),
    (CreateJob, "user_metadata", {"a": "я" * 8192}, "user_metadata: it may have at most 16 KiB as JSON"),
    (CreateJob, "content_type", "é/é", "content_type: write a media type, such as video/mp4."),
    (CreateJob, "content_type", "video", "content_type: write a media type, such as video/mp4."),
    (CreateJob, "source_url", "ftp://a", "source_url: write https://host/path or s3://bucket/key, without spaces"),
    (CreateJob, "options", {"transcription": {"language": "German"}}, "options.transcription.language: write its code"),
    (CreateJob, "options", {"transcription": {"model": ""}}, "options.transcription.model: write a model's name"),
    (RetryJobs, "filter", {"batch_id": ""}, "filter.batch_id: use 1 to 64 letters"),
    (ListDeliveries, "job_id", "J", "job_id: write a job's id, as POST /jobs gave it."),
]


@pytest.mark.parametrize(("model", "name", "value", "told"), MALFORMED)
def test_what_is_malformed_is_told_the_cure(model: type[BaseModel], name: str, value: Any, told: str) -> None:
    example = model.model_json_schema().get("examples", [{}])[0]
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(example | {name: value}))
    assert f"The request is not valid: {told}" in of_validation(caught.value).detail


def test_metadata_is_measured_as_it_was_sent() -> None:
    assert CreateJob(filename="a.mp4", user_metadata={"a": "я" * 8000}).user_metadata  # 16,000 bytes and a few


def test_patterns_are_for_the_document_and_never_for_who_sends_something_else() -> None:
    for model in {model for route in route_table.all_routes() for model in (route.body, route.query) if model}:
        model.model_rebuild(force=True)
        assert "'pattern'" not in repr(model.__pydantic_core_schema__), f"{model}: annotate it with a Pattern"
    properties = ask("/openapi.json").json_body["components"]["schemas"]["CreateJob"]["properties"]
    assert properties["filename"]["pattern"] == r"^[^\x00-\x1f\x7f/\\]+$"
    assert properties["batch_id"]["anyOf"][0]["pattern"] == BATCH_ID


def test_the_example_of_a_body_is_one() -> None:
    for route in route_table.all_routes():
        if route.body:
            for example in route.body.model_json_schema()["examples"]:
                route.body.model_validate_json(json.dumps(example))


def test_only_what_has_an_address_promises_a_location() -> None:
    paths = ask("/openapi.json").json_body["paths"]
    assert "Location" in paths["/jobs"]["post"]["responses"]["201"]["headers"]
    assert "Location" in paths["/webhooks"]["post"]["responses"]["201"]["headers"]
    token = paths["/jobs/{job_id}/tokens"]["post"]
    assert "Location" not in token["responses"]["201"]["headers"]  # a token cannot be read again
    assert token["security"] == [{"key": []}]
    assert {"job_token": []} in paths["/jobs/{job_id}/download/{output}"]["get"]["security"]
    assert {"key_in_query": []} not in paths["/jobs/{job_id}/download/{output}"]["get"]["security"]
