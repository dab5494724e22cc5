"""Every route refuses who may not come in, and what makes no sense. A new route is in it."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import pytest
from chalice.test import Client, HTTPResponse

from mediajobs.accounts import key_store
from mediajobs.accounts.api_keys import assemble_key, split_key
from mediajobs.exports import export_service
from mediajobs.exports.export import ExportJobs
from mediajobs.webhooks import delivery_store, endpoint_store
from tests.support.functions import load

APP = load("api").app
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on
from chalicelib.http.routes import Route  # noqa: E402

pytestmark = pytest.mark.usefixtures("cloud")

ROUTES = route_table.all_routes()
SECRET = "divorce.mp4"
BATCH = "lawyers"
COUNTERS = {"ApiKeysTable", "UsageTable", "IdempotencyTable"}  # whoever asks is counted
# Path parameters that belong to nobody.
FREE = {"output": "source", "rendition": "360p", "captions_playlist": "en.m3u8"}
NO_IDS = ("not-an-id", "01arz3ndektsv4rrff69g5fav", "0" * 25, "'; DROP TABLE jobs; --", "é" * 26, "A" * 3000)
LONG = "x" * 7_000


@dataclass(frozen=True)
class Account:
    """`mine` is the key of `acme`, to whom all of `owned` belongs."""

    client: Client
    mine: str
    owned: dict[str, str]

    def ask(self, route: Route, key: str | None, **asked: Any) -> HTTPResponse:
        """`path`: values instead of the owned; `query`: text; `body`: JSON data or bytes; `kind`: its media type."""
        path = self.path(route, **asked.get("path", {}))
        query = "&".join(filter(None, [asked.get("query"), f"api_key={key}" if key and route.key == "query" else None]))
        body = asked.get("body", example(route))
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": asked.get("kind", "application/json")} if content else {}
        if key and route.key == "header":
            headers["X-API-Key"] = key
        return self.client.http.request(route.method, path + ("?" + query if query else ""), headers, content)

    def path(self, route: Route, **values: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: quote((self.owned | FREE | values)[found[1]]), route.path)


@pytest.fixture
def accounts(cloud: None) -> Iterator[Account]:
    for queue in ("background", "attempts"):
        boto3.client("sqs").create_queue(QueueName=queue)
    mine = key_store.create("acme", requests_per_minute=10_000)
    running = export_service.new("acme", ExportJobs())
    export_service.enqueue(running)
    with Client(APP) as client:
        headers = {"X-API-Key": mine, "Content-Type": "application/json"}
        job = {"filename": SECRET, "batch_id": BATCH, "size_bytes": 250_000_000}
        created = client.http.request("POST", "/jobs", headers, json.dumps(job).encode()).json_body["job_id"]
        webhook = endpoint_store.create(
            "acme", url="https://example.com/hook", description=SECRET, now=datetime.now(UTC)
        )
        owned = {"job_id": created, "export_id": running.export.export_id, "batch_id": BATCH}
        owned |= {"webhook_id": webhook.webhook_id}
        owned |= {"delivery_id": delivery_store.send_test(webhook, datetime.now(UTC)).delivery_id}
        yield Account(client, mine, owned)


def test_the_walk_knows_every_route_and_how_to_fill_its_path() -> None:
    handled = {(method, path) for path, methods in APP.routes.items() for method in methods}
    assert handled == {(route.method, route.path) for route in ROUTES}
    names = {name for route in ROUTES for name in re.findall(r"\{(\w+)\}", route.path)}
    owned = {"job_id", "export_id", "batch_id", "webhook_id", "delivery_id"}
    assert names <= owned | FREE.keys(), "teach the fixture `accounts` to make one that acme owns"
    assert all(example(route) is not None for route in ROUTES if route.body), "a body without an example"


def test_nobody_comes_in_without_a_key_that_is_good(accounts: Account) -> None:
    key_id, secret = split_key(accounts.mine) or ("", "")
    revoked = key_store.create("acme")
    key_store.revoke((split_key(revoked) or ("", ""))[0])
    wrong = {
        "missing": None,
        "malformed": "mj_nonsense",
        "mistyped": accounts.mine[:-1] + ("a" if accounts.mine[-1] != "a" else "b"),
        "unknown": assemble_key("A" * 12, "b" * 32),
        "another secret": assemble_key(key_id, secret[:-6][::-1]),
        "revoked": revoked,
    }
    before = everything(accounts)
    for route, key in ((route, key) for route in ROUTES if route.key for key in wrong.values()):
        refused(accounts, route, accounts.ask(route, key), 401)
    assert everything(accounts) == before


def test_an_id_that_is_none_leads_nowhere(accounts: Account) -> None:
    for route in ROUTES:
        for name in re.findall(r"\{(\w+)\}", route.path):
            for value in NO_IDS:
                answer = accounts.ask(route, accounts.mine, path={name: value})
                refused(accounts, route, answer, 400, 404, 409, 422, path={name: value})


def test_a_body_that_makes_no_sense_is_refused(accounts: Account) -> None:
    before = everything(accounts)
    for route in (route for route in ROUTES if route.body):
        good = example(route)
        for body in ([good], 7, "text", True, {**good, "no_such_field": 1}, dict.fromkeys(good)):
            refused(accounts, route, accounts.ask(route, accounts.mine, body=body), 422)
        for name in good:
            senseless: tuple[Any, ...] = (7.5, "", [[]], {"a": {}}, True)
            for value in senseless:
                answer = accounts.ask(route, accounts.mine, body={**good, name: value})
                if answer.status_code >= 400:
                    refused(accounts, route, answer, 404, 409, 422)
        for raw in (json.dumps(good).encode()[:-1], b"\xff\xfe", b"{", b"NaN", b"\x00", b'{"a":' * 5000):
            refused(accounts, route, accounts.ask(route, accounts.mine, body=raw), 400, 422)
        refused(accounts, route, accounts.ask(route, accounts.mine, kind="text/plain"), 415)
        refused(accounts, route, accounts.ask(route, accounts.mine, kind="application/x-www-form-urlencoded"), 415)
    assert everything(accounts).keys() >= before.keys()


def test_what_is_too_large_is_refused(accounts: Account) -> None:
    for route in (route for route in ROUTES if route.body):
        refused(accounts, route, accounts.ask(route, accounts.mine, body=b'"' + b"x" * (1 << 20) + b'"'), 413)
        good = example(route)
        for name in good:
            for value in (LONG, [LONG] * 8, 10**30):
                refused(accounts, route, accounts.ask(route, accounts.mine, body={**good, name: value}), 422)


def test_a_query_that_makes_no_sense_is_refused(accounts: Account) -> None:
    for route in (route for route in ROUTES if route.query):
        wanted = route.query.model_fields if route.query else {}
        for name in wanted:
            for value in (LONG, "\x00", "", "1,2"):
                answer = accounts.ask(route, accounts.mine, query=urlencode({name: value}))
                if name == "search" and value != LONG and value:
                    assert answer.status_code == 200, told(route, answer)
                else:
                    refused(accounts, route, answer, 400, 422)
        refused(accounts, route, accounts.ask(route, accounts.mine, query="no_such_parameter=1"), 422)


def test_no_route_minds_a_query_that_it_does_not_know(accounts: Account) -> None:
    for route in (route for route in ROUTES if route.query is None):
        assert accounts.ask(route, accounts.mine, query=f"a={LONG}&a=b&%00=%ff").status_code < 500


def example(route: Route) -> Any:
    """The first body of the route's own documentation, None where it takes none."""
    return route.body.model_json_schema().get("examples", [None])[0] if route.body else None


def refused(
    accounts: Account, route: Route, answer: HTTPResponse, *statuses: int, path: dict[str, str] | None = None
) -> None:
    """A problem document with one of these statuses, which names itself and nothing of the inside."""
    assert answer.status_code in statuses, told(route, answer)
    assert answer.headers["Content-Type"] == "application/problem+json", told(route, answer)
    document = answer.json_body
    assert document["status"] == answer.status_code
    assert document["title"] == HTTPStatus(answer.status_code).phrase
    assert document["detail"]
    assert document["type"]
    instance = document["instance"].removesuffix("…")
    assert accounts.path(route, **(path or {})).startswith(instance) or unquoted(
        accounts, route, path or {}
    ).startswith(instance)
    assert len(document["instance"]) <= 300
    assert answer.headers["X-Request-Id"]
    assert not re.search(r"Traceback|\.py|botocore|pydantic", answer.body.decode()), told(route, answer)


def unquoted(accounts: Account, route: Route, path: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: (accounts.owned | FREE | path)[found[1]], route.path)


def told(route: Route, answer: HTTPResponse) -> str:
    return f"{route.method} {route.path}: {answer.status_code} {answer.body[:500]!r}"


def everything(accounts: Account) -> dict[str, list[str]]:
    """What the tables hold of acme, as text."""
    client = boto3.client("dynamodb")
    names: list[str] = [name for name in client.list_tables()["TableNames"] if name not in COUNTERS]
    of_acme: Callable[[str], bool] = lambda text: "acme" in text or accounts.owned["job_id"] in text  # noqa: E731
    rows = {name: [json.dumps(item, sort_keys=True) for item in client.scan(TableName=name)["Items"]] for name in names}
    return {name: sorted(filter(of_acme, found)) for name, found in rows.items()}
