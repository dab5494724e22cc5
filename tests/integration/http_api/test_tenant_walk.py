"""Tenants never meet: every route, cursor, idempotency key and WebSocket action, with a stranger's good credentials.

The walk is made from the route table. A new route is in it; one whose path or query names something new fails
`test_everything_that_a_request_can_name_is_classified` until it is classified here.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args
from urllib.parse import quote, urlencode

import boto3
import pytest
from chalice.test import Client, HTTPResponse

from mediajobs.accounts import key_store
from mediajobs.accounts.api_keys import split_key
from mediajobs.exports import export_service
from mediajobs.exports.export import ExportJobs
from mediajobs.live_progress import broadcast_service, push_client
from mediajobs.live_progress.messages import Message
from mediajobs.media.outputs import FILES
from mediajobs.media.renditions import RENDITIONS
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, source_key
from mediajobs.webhooks import delivery_store, endpoint_store
from tests.integration.http_api import test_playback as playback
from tests.integration.live_progress.test_websocket import Gateway, OneByOne, WebSocketSystem
from tests.support.functions import load
from tests.support.jobs import create_job

APP = load("api").app
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on
from chalicelib.http.routes import Route  # noqa: E402

pytestmark = pytest.mark.usefixtures("cloud")

ROUTES = route_table.all_routes()
CLOSED = [route for route in ROUTES if route.key]
NAME, BATCH, NOTE = "divorce-papers.mp4", "lawyers-only", "the note of acme"
WEBHOOK_URL = "https://hooks.acme.example/secret-path"
# What a path names: something of an account, or something that every job has.
OWNED = ("job_id", "batch_id", "webhook_id", "delivery_id", "export_id", "key_id")
SHARED: dict[str, tuple[str, ...]] = {
    "output": (*FILES, "source"),
    "rendition": (*RENDITIONS, "audio"),
    "captions_playlist": ("de.m3u8", "en.m3u8"),
}
# What a query names: something of an account, or nothing of anybody.
OWNED_FILTERS = ("job_id", "batch_id", "search", "cursor")
PLAIN_FILTERS = {
    "status", "priority", "from_date", "to_date", "sort_by", "sort_order", "page", "per_page", "format", "event",
    "delete_files", "by", "lastEventId",
}  # fmt: skip
TABLES_OF_CALLERS = {"ApiKeysTable", "UsageTable", "IdempotencyTable"}  # whoever asks is counted there


@dataclass
class Request:
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


# How a request shows whose it is. Another kind is one more entry: it puts what a key gives into the request.
Credential = Callable[[str, Request], None]


def in_header(key: str, request: Request) -> None:
    request.headers["X-API-Key"] = key


def in_query(key: str, request: Request) -> None:
    request.query["api_key"] = key


CREDENTIALS: dict[str, Credential] = {"header key": in_header, "query key": in_query}


@dataclass(frozen=True)
class Tenants:
    """`victim` and `stranger` are keys; `owned` are the victim's ids by the name that paths have for them."""

    client: Client
    victim: str
    stranger: str
    owned: Mapping[str, str]

    def ask(
        self,
        route: Route,
        key: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = ...,
        credential: Credential = in_header,
        headers: Mapping[str, str] | None = None,
    ) -> HTTPResponse:
        request = Request(dict(headers or {}), dict(query or {}))
        credential(key, request)
        content = self.example(route) if body is ... else body
        raw = b"" if content is None else json.dumps(content).encode()
        if raw:
            request.headers["Content-Type"] = "application/json"
        names = dict(self.owned) | {name: values[0] for name, values in SHARED.items()} | dict(path or {})
        url = re.sub(r"\{(\w+)\}", lambda found: quote(names[found[1]]), route.path)
        url += f"?{urlencode(request.query)}" if request.query else ""
        return self.client.http.request(route.method, url, request.headers, raw)

    def example(self, route: Route) -> Any:
        """The first example of the route's documentation, about the victim's jobs where it is about jobs."""
        if route.body is None:
            return None
        example = dict(route.body.model_json_schema()["examples"][0])
        if "job_ids" in example:
            example["job_ids"] = [self.owned["job_id"]]
        if "filter" in example:
            example["filter"] = {"batch_id": BATCH}
        return example

    @property
    def marks(self) -> set[str]:
        """What is the victim's alone, as text."""
        key_id, secret = split_key(self.victim) or ("", "")
        return {NAME, NOTE, WEBHOOK_URL, key_id, secret, "acme", *self.owned.values()}


@pytest.fixture
def tenants(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenants]:
    for queue in ("background", "attempts"):
        boto3.client("sqs").create_queue(QueueName=queue)
    victim, stranger = (key_store.create(who, requests_per_minute=100_000) for who in ("acme", "zeta"))
    monkeypatch.setattr(playback, "create_job", film_of_acme)
    media = [playback.RENDITION, playback.SOUND, *playback.SHEETS, playback.stored("thumbnail")]
    playback.completed(media)
    boto3.client("s3").put_object(Bucket="media", Key=source_key(playback.JOB), Body=b"film")
    webhook = endpoint_store.create("acme", url=WEBHOOK_URL, description=NOTE, now=datetime.now(UTC))
    deliveries = [delivery_store.send_test(webhook, datetime.now(UTC)) for _ in range(3)]
    export = export_service.new("acme", ExportJobs())
    export_service.enqueue(export)
    owned = {
        "job_id": playback.JOB,
        "batch_id": BATCH,
        "webhook_id": webhook.webhook_id,
        "delivery_id": deliveries[0].delivery_id,
        "export_id": export.export.export_id,
        "key_id": (split_key(victim) or ("", ""))[0],
    }
    with Client(APP) as client:
        yield Tenants(client, victim, stranger, owned)


def film_of_acme(**fields: Any) -> None:
    """Its job, and another one, so that its lists have a second page."""
    create_job(filename=NAME, batch_id=BATCH)
    create_job(filename=NAME, batch_id=BATCH, user_metadata={"note": NOTE}, **fields)


def test_everything_that_a_request_can_name_is_classified() -> None:
    in_paths = {name for route in ROUTES for name in re.findall(r"\{(\w+)\}", route.path)}
    in_queries = {name for route in ROUTES if route.query for name in names_of(route)}
    assert in_paths <= {*OWNED, *SHARED}, "classify it: is it an account's, or does every job have it?"
    assert in_queries <= {*OWNED_FILTERS, *PLAIN_FILTERS}, "classify it: can it name something of an account?"
    assert {route.key for route in ROUTES} <= {None, "header", "query"}, "walk with the new kind of credential, too"
    assert all("examples" in route.body.model_json_schema() for route in ROUTES if route.body)


def test_the_walk_would_find_something(tenants: Tenants) -> None:
    """With the victim's own key, the reads of the walk succeed; else its refusals would say nothing."""
    for route in (route for route in CLOSED if route.method == "GET" and owned_names(route)):
        answers = [tenants.ask(route, tenants.victim, path=path) for path in paths(route)]
        assert min(answer.status_code for answer in answers) < 400, describe(route, answers[0])


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_stranger_gets_nothing_from_any_route(tenants: Tenants, credential: str) -> None:
    before = everything(tenants)
    for route in CLOSED:
        for path in paths(route):
            answer = tenants.ask(route, tenants.stranger, path=path, credential=CREDENTIALS[credential])
            if credential == "query key" and route.key != "query":
                assert answer.status_code == 401, describe(route, answer)
            elif owned_names(route):
                assert answer.status_code in (403, 404), describe(route, answer)
            else:
                assert answer.status_code not in (401, 403), describe(route, answer)
            check_shows_nothing(tenants, route, answer, told=named(tenants, route))
    assert everything(tenants) == before


def test_a_stranger_gets_nothing_by_naming_what_is_not_his(tenants: Tenants) -> None:
    before = everything(tenants)
    values = dict(tenants.owned) | {"search": NAME[:7], "cursor": "x"}
    for route in (route for route in CLOSED if route.query):
        for name in names_of(route) & set(OWNED_FILTERS):
            answer = tenants.ask(route, tenants.stranger, query={name: values[name]})
            check_shows_nothing(tenants, route, answer, told=[values[name], *named(tenants, route)])
    for route in (route for route in CLOSED if route.body and not owned_names(route)):
        answer = tenants.ask(route, tenants.stranger)
        check_shows_nothing(tenants, route, answer, told=named(tenants, route))
    assert everything(tenants) == before


def test_a_cursor_leads_nobody_else_anywhere(tenants: Tenants) -> None:
    with_cursor = [route for route in CLOSED if route.query and "cursor" in names_of(route)]
    cursors = {
        cursor
        for route in with_cursor
        if (cursor := tenants.ask(route, tenants.victim, query={"per_page": "1"}).json_body.get("next_cursor"))
    }
    assert len(cursors) == len(with_cursor), "each of these lists of the victim has a second page"
    for route, cursor in itertools.product(with_cursor, cursors):
        answer = tenants.ask(route, tenants.stranger, query={"per_page": "1", "cursor": cursor})
        assert answer.status_code in (400, 404), describe(route, answer)
        check_shows_nothing(tenants, route, answer, told=named(tenants, route))


def test_an_idempotency_key_is_another_one_for_another_account(tenants: Tenants) -> None:
    posts = [route for route in CLOSED if route.method == "POST"]
    for number, route in enumerate(posts):
        key = {"Idempotency-Key": f"guessable-{number}"}
        first = tenants.ask(route, tenants.victim, headers=key)
        answer = tenants.ask(route, tenants.stranger, headers=key)
        assert "Idempotency-Replayed" not in answer.headers, describe(route, answer)
        if owned_names(route):
            assert answer.status_code in (403, 404), describe(route, answer)
        elif first.status_code < 400:
            assert answer.body != first.body or "job_id" not in answer.json_body, describe(route, answer)
        check_shows_nothing(tenants, route, answer, told=named(tenants, route))


def test_a_key_in_the_query_opens_only_what_players_need(tenants: Tenants) -> None:
    opened = {route.path for route in CLOSED if route.key == "query"}
    assert all(path.startswith(("/stream/", "/events/", "/jobs/{job_id}/download/")) for path in opened)


def test_open_routes_tell_nothing_of_anybody(tenants: Tenants) -> None:
    for route in (route for route in ROUTES if route.key is None):
        examples = ["acme", tenants.owned["job_id"]]
        check_shows_nothing(tenants, route, tenants.ask(route, tenants.stranger), told=examples)


@pytest.mark.parametrize("action", get_args(Message.model_fields["action"].annotation))
def test_no_message_on_a_websocket_reaches_a_job_of_others(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    sockets = listen(monkeypatch)
    sockets.connect("owner", "acme")
    sockets.connect("stranger", "other")
    sockets.subscribe("owner", tenants.owned["job_id"])
    sockets.deliver_changes()
    told_to_owner = len(sockets.gateway.heard["owner"])
    for message in ({"job_ids": [tenants.owned["job_id"]]}, {"all": True}):
        sockets.send("stranger", {"action": action, **message})
    assert tenants.ask(route_of("PATCH", "/jobs/{job_id}/priority"), tenants.victim).status_code in (200, 409)
    tenants.ask(route_of("DELETE", "/jobs/{job_id}"), tenants.victim)
    sockets.deliver_changes()
    frames = sockets.gateway.heard["stranger"]
    assert all(frame["event"] in ("pong", "error") for frame in frames), frames
    assert not [mark for mark in (NAME, NOTE, BATCH) if mark in json.dumps(frames)]
    assert len(sockets.gateway.heard["owner"]) >= told_to_owner, "a stranger ended the owner's subscription"


def listen(monkeypatch: pytest.MonkeyPatch) -> WebSocketSystem:
    gateway = Gateway()
    monkeypatch.setattr(push_client, "gateway", lambda: gateway)
    monkeypatch.setattr(push_client, "ThreadPoolExecutor", OneByOne)
    monkeypatch.setattr(broadcast_service, "_revocations", {})
    boto3.client("dynamodb").update_table(
        TableName="JobsTable", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    return WebSocketSystem(gateway)


def route_of(method: str, path: str) -> Route:
    return next(route for route in ROUTES if (route.method, route.path) == (method, path))


def names_of(route: Route) -> set[str]:
    return {info.alias or name for name, info in route.query.model_fields.items()} if route.query else set()


def owned_names(route: Route) -> list[str]:
    return [name for name in re.findall(r"\{(\w+)\}", route.path) if name in OWNED]


def paths(route: Route) -> Iterator[dict[str, str]]:
    """Every choice of what all jobs have."""
    names = [name for name in re.findall(r"\{(\w+)\}", route.path) if name in SHARED]
    for values in itertools.product(*(SHARED[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def named(tenants: Tenants, route: Route) -> list[str]:
    """What a request for the route names itself, so that its answer may say it again."""
    in_path = [tenants.owned[name] for name in owned_names(route)]
    in_body = json.dumps(tenants.example(route) or {})
    return in_path + [mark for mark in tenants.marks if mark in in_body]


def check_shows_nothing(tenants: Tenants, route: Route, answer: HTTPResponse, *, told: list[str]) -> None:
    """`told`: what the request said itself."""
    shown = answer.body.decode() + json.dumps(dict(answer.headers))
    leaks = [mark for mark in tenants.marks if mark in shown and not any(mark in text for text in told)]
    assert leaks == [], describe(route, answer)
    assert answer.status_code < 500, describe(route, answer)


def describe(route: Route, answer: HTTPResponse) -> str:
    return f"{route.method} {route.path}: {answer.status_code} {answer.body[:400]!r}"


def everything(tenants: Tenants) -> dict[str, list[str]]:
    """What tables and bucket hold of the victim, as text."""
    client = boto3.client("dynamodb")
    names: list[str] = [name for name in client.list_tables()["TableNames"] if name not in TABLES_OF_CALLERS]
    rows = {name: [json.dumps(item, sort_keys=True) for item in client.scan(TableName=name)["Items"]] for name in names}
    marks = [mark for mark in tenants.marks if len(mark) > 3]
    of_victim = {
        name: sorted(row for row in found if any(mark in row for mark in marks)) for name, found in rows.items()
    }
    assert MediaBucket("media").read_json(manifest_key(tenants.owned["job_id"])) is not None
    objects = boto3.client("s3").list_objects_v2(Bucket="media").get("Contents", [])
    return of_victim | {"media": sorted(f"{entry['Key']} {entry['ETag']}" for entry in objects)}
