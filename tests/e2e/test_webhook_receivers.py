"""Webhooks from their owner's side on the deployed stack: real jobs, and receivers that verify what they get."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError
from typer.testing import CliRunner

from infra.cli.main import app
from infra.local import Stack
from tests.e2e.conftest import DEMO, Api, caller
from tests.support import node_packages
from tests.support.waiting import HANG_SECONDS, until
from tests.support.webhook_receivers import Receiver, answer, receiver

EVENTS = ["job.completed", "job.failed", "job.cancelled"]
AUDIO = {"renditions": [], "thumbnail": False, "storyboard": False, "hls": False, "transcription": {"enabled": False}}
NODE = Path(__file__).with_name("receiver.cjs")

Hook = dict[str, Any]
Command = Callable[..., str]


@pytest.fixture(scope="module")
def callers(stack: Stack) -> list[Api]:
    """Two, whose accounts have no other webhooks."""
    return [caller(stack, account) for account in ("A", "B")]


@pytest.fixture(scope="module")
def client(callers: list[Api]) -> Api:
    return callers[0]


@pytest.fixture(scope="module")
def stranger(callers: list[Api]) -> Api:
    return callers[1]


@pytest.fixture
def add(client: Api) -> Iterator[Callable[..., Hook]]:
    """add(url, events=…): a webhook for the length of a test."""
    added: list[Hook] = []

    def make(url: str, **fields: Any) -> Hook:
        created = client.ask("POST", "/webhooks", json={"url": url, **fields})
        assert created.status_code == 201, created.text
        added.append(created.json())
        return added[-1]

    yield make
    for each in added:
        client.ask("DELETE", path(each))


def path(webhook: Hook, rest: str = "") -> str:
    return f"/webhooks/{webhook['webhook_id']}{rest}"


def ended(client: Api, webhook: Hook, delivery_id: str, attempts: int = 1) -> dict[str, Any]:
    """The delivery, when so many attempts were made and it ended."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.ask("GET", path(webhook, f"/deliveries/{delivery_id}")).json()
        return found if found["attempt_count"] >= attempts and found["status"] != "pending" else None

    return until(look) or {}


def verified(secret: str, site: Receiver, number: int = -1) -> dict[str, Any] | None:
    """What the library reads from the request; None where it does not trust it."""
    request = site.requests[number]
    try:
        told: dict[str, Any] = Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return None
    return told


def test_webhook_notification(client: Api, stranger: Api, add: Callable[..., Hook]) -> None:
    """The paper's: set the URL, complete a job, the webhook was called. And cancel one; and nobody else is told."""
    with receiver(answer(200)) as site, receiver(answer(200)) as elsewhere:
        webhook = add(site.url, events=EVENTS)
        theirs = stranger.ask("POST", "/webhooks", json={"url": elsewhere.url, "events": EVENTS}).json()
        job_id = client.submit(DEMO, options=AUDIO)
        client.finish(job_id)
        until(lambda: site.requests)
        told = verified(webhook["secret"], site)
        assert told is not None
        assert (told["event"], told["job_id"], told["status"]) == ("job.completed", job_id, "completed")
        assert told["data"]["outputs"]["audio"] == f"/jobs/{job_id}/download/audio"
        assert told["data"]["outputs"]["720p"] is None
        assert client.ask("GET", told["data"]["outputs"]["audio"]).status_code == 302

        cancelled = client.create(filename="never.mp4")["job_id"]
        assert client.ask("POST", f"/jobs/{cancelled}/cancel").status_code == 200
        until(lambda: len(site.requests) == 2)
        told = verified(webhook["secret"], site)
        assert told is not None
        assert (told["event"], told["job_id"]) == ("job.cancelled", cancelled)

        listed = until(
            lambda: client.ask("GET", path(webhook, "/deliveries?status=delivered&event=job.cancelled")).json()[
                "deliveries"
            ]
        )
        assert [each["job_id"] for each in listed] == [cancelled]
        for where in ("", "/deliveries", f"/deliveries/{listed[0]['delivery_id']}"):
            assert stranger.ask("GET", path(webhook, where)).status_code == 404
        assert stranger.ask("GET", path(theirs, "/deliveries")).json() == {"deliveries": [], "next_cursor": None}
        assert elsewhere.requests == []
    stranger.ask("DELETE", path(theirs))


def test_a_receiver_that_fails_first_gets_the_same_again_and_may_ask_for_it_once_more(
    client: Api, add: Callable[..., Hook]
) -> None:
    with receiver(answer(503, b"not yet"), answer(200)) as site:
        webhook = add(site.url)
        old = webhook["secret"]
        new = client.ask("POST", path(webhook, "/rotate-secret")).json()["secret"]
        made = client.ask("POST", path(webhook, "/test")).json()
        delivery = ended(client, webhook, made["delivery_id"])
        assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 200]
        assert delivery["attempts"][0]["response"] == "not yet"

        again = client.ask("POST", path(webhook, f"/deliveries/{made['delivery_id']}/redeliver"))
        assert again.status_code == 202
        assert ended(client, webhook, made["delivery_id"], attempts=3)["status"] == "delivered"
    assert {request.headers["webhook-id"] for request in site.requests} == {made["message_id"]}
    assert len({request.body for request in site.requests}) == 1
    for secret in (old, new):
        told = verified(secret, site)
        assert told is not None
        assert told["event"] == "webhook.test"
    assert verified("whsec_" + "A" * 44, site) is None


def test_the_command_line_does_it_all(client: Api) -> None:
    environment = {"COLUMNS": "200", "MEDIAJOBS_API_URL": client.url, "MEDIAJOBS_API_KEY": client.key}

    def webhooks(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["webhooks", *arguments], env=environment)
        assert done.exit_code == code, done.output
        return done.stdout + done.stderr

    with receiver(answer(200, b"thanks")) as site:
        added = webhooks("add", site.url, "--event", "job.failed", "--description", "mine")
        assert added.splitlines()[-1].startswith("whsec_")
        webhook_id = client.ask("GET", "/webhooks").json()["webhooks"][0]["webhook_id"]
        assert webhook_id in added
        assert "thanks" in webhooks("test", webhook_id)
        assert verified(added.splitlines()[-1], site)
        listed = json.loads(webhooks("deliveries", webhook_id, "--status", "delivered", "--json"))
        (delivery,) = listed["deliveries"]
        assert "200" in webhooks("delivery", webhook_id, delivery["delivery_id"])
        assert delivery["message_id"] in webhooks("redeliver", webhook_id, delivery["delivery_id"])
        assert webhooks("rotate", webhook_id).splitlines()[-1].startswith("whsec_")
        webhooks("update", webhook_id, "--event", "job.completed", "--disable")
        shown = webhooks("show", webhook_id)
        assert "job.completed" in shown
        assert "disabled" in shown
        assert "whsec_" not in shown
        assert "--enable" in webhooks("test", webhook_id, code=1)
        webhooks("update", webhook_id, "--enable")
        assert "0 deliveries" in webhooks("recover", webhook_id, "--since", "2026-01-01")
        assert webhook_id in webhooks("list")
        webhooks("remove", webhook_id)
        assert webhook_id in webhooks("show", webhook_id, code=1)


@pytest.fixture
def node_environment() -> dict[str, str]:
    """Where Node.js finds the package `standardwebhooks`."""
    return {**os.environ, "NODE_PATH": str(node_packages.folder() / "node_modules")}


def test_the_javascript_library_takes_it_and_nothing_that_was_changed(
    client: Api, add: Callable[..., Hook], node_environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    webhook = add(url)
    with subprocess.Popen(
        ["node", str(NODE), str(port)],
        env=node_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        try:
            run.stdin.write(webhook["secret"] + "\n")
            run.stdin.flush()
            assert run.stdout.readline() == f"{port}\n"
            made = client.ask("POST", path(webhook, "/test")).json()
            assert ended(client, webhook, made["delivery_id"])["attempts"][0]["status"] == 204
            came = json.loads(run.stdout.readline())
            headers, body = came["headers"], came["body"]
            old = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)}
            shown = [(headers, body), (headers, body.replace("test", "tost", 1)), (old, body)]
            answers = [
                requests.post(url, data=text, headers=head, timeout=HANG_SECONDS).status_code for head, text in shown
            ]
            assert answers == [204, 400, 400]
        finally:
            run.terminate()
