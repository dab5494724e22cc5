"""Webhooks as their owner has them: by HTTP, through the real handlers, with real receivers."""

import functools
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from mediajobs.accounts import key_store
from mediajobs.webhooks import delivery_store
from tests.support.functions import load
from tests.support.http_api import Ask
from tests.support.webhook_receivers import Receiver, answer, receiver
from tests.support.webhooks import MINUTE, WebhookSystem, webhook_system

API = load("api").app
from chalicelib.views import webhook_deliveries as views  # noqa: E402 - its folder is on the path from here on

pytestmark = pytest.mark.usefixtures("cloud")
URL = "https://example.com/hook"
BAD_URLS = (
    "http://example.com/hook",
    "ftp://example.com/hook",
    "example.com/hook",
    "https://",
    "https://user:word@example.com/",
    "https://127.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://example.com/\n",
    "https://example.com/" + "x" * 2048,
)
NOBODYS = "wh_01ARZ3NDEKTSV4RRFFQ69G5FAV", "dl_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> WebhookSystem:
    """With the clock of the API: libraries that verify signatures have no other either."""
    system = webhook_system(monkeypatch)
    system.clock.turn(datetime.now(UTC))
    return system


@pytest.fixture
def theirs(cloud: None) -> str:
    return key_store.create("other")


def add(ask: Ask, url: str = URL, **fields: Any) -> dict[str, Any]:
    added: dict[str, Any] = ask("POST", "/webhooks", {"url": url, **fields}, status=201).json_body
    return added


def path(webhook: dict[str, Any], rest: str = "") -> str:
    return f"/webhooks/{webhook['webhook_id']}{rest}"


def log(ask: Ask, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = ask("GET", path(webhook, f"/deliveries{query}"), status=200).json_body["deliveries"]
    return listed


def verified(secret: str, site: Receiver, number: int = -1) -> bool:
    request = site.requests[number]
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


def test_the_secret_is_told_once_and_never_again(ask: Ask) -> None:
    created = ask("POST", "/webhooks", {"url": URL}, status=201)
    webhook = created.json_body
    assert webhook.pop("secret").startswith("whsec_")
    assert created.headers["Location"] == path(webhook)
    assert created.headers["Cache-Control"] == "no-store"
    assert webhook == {
        "webhook_id": webhook["webhook_id"],
        "url": URL,
        "events": ["job.completed", "job.failed"],
        "description": None,
        "enabled": True,
        "disabled_reason": None,
        "failing_since": None,
        "verified": False,
        "previous_secret_expires_at": None,
        "created_at": webhook["created_at"],
        "updated_at": webhook["created_at"],
    }
    assert ask("GET", path(webhook), status=200).json_body == webhook
    assert ask("GET", "/webhooks", status=200).json_body == {"webhooks": [webhook]}
    assert ask("PATCH", path(webhook), {}, status=200).json_body.keys() == webhook.keys()


def test_an_idempotency_key_gives_the_same_webhook_with_its_secret(ask: Ask) -> None:
    first, again = (
        ask("POST", "/webhooks", {"url": URL}, headers={"Idempotency-Key": "once"}, status=201) for _ in range(2)
    )
    assert (again.body, again.headers["Idempotency-Replayed"]) == (first.body, "true")
    assert len(ask("GET", "/webhooks").json_body["webhooks"]) == 1


def test_the_eleventh_is_refused_until_one_is_deleted(ask: Ask, theirs: str) -> None:
    webhooks = [add(ask) for _ in range(10)]
    assert "Delete one" in ask("POST", "/webhooks", {"url": URL}, status=409).json_body["detail"]
    ask("POST", "/webhooks", {"url": URL}, key=theirs, status=201)
    deleted = ask("DELETE", path(webhooks[0]), status=200).json_body
    assert deleted == {"webhook_id": webhooks[0]["webhook_id"], "deleted": True}
    ask("GET", path(webhooks[0]), status=404)
    ask("DELETE", path(webhooks[0]), status=404)
    add(ask)


def test_a_url_that_cannot_do_is_refused_at_once(ask: Ask) -> None:
    webhook = add(ask)
    for method, where in (("POST", "/webhooks"), ("PATCH", path(webhook))):
        for url in BAD_URLS:
            refused = ask(method, where, {"url": url})
            assert refused.status_code == 422, url
            assert [error["loc"] for error in refused.json_body["errors"]] == [["url"]], url
    assert ask("GET", path(webhook)).json_body["url"] == URL


def test_what_makes_no_sense_changes_nothing(ask: Ask) -> None:
    webhook = add(ask)
    nonsense: list[dict[str, Any]] = [
        {"events": []},
        {"events": ["job.gone"]},
        {"events": None},
        {"enabled": "yes"},
        {"enabled": None},
        {"url": None},
    ]
    for wrong in nonsense:
        ask("POST", "/webhooks", {"url": URL} | wrong, status=422)
        ask("PATCH", path(webhook), wrong, status=422)
    assert ask("GET", path(webhook)).json_body == {name: value for name, value in webhook.items() if name != "secret"}


def test_what_is_changed_is_changed_and_the_rest_stays(ask: Ask) -> None:
    webhook = add(ask, description="mine", events=["job.failed", "job.failed", "job.progress"])
    assert webhook["events"] == ["job.failed", "job.progress"]
    changed = ask("PATCH", path(webhook), {"events": ["job.cancelled"], "description": None}, status=200).json_body
    assert (changed["events"], changed["description"], changed["url"]) == (["job.cancelled"], None, URL)
    assert ask("PATCH", path(webhook), {"enabled": False}).json_body["disabled_reason"] is None


def test_a_test_is_sent_signed_and_logged(ask: Ask, system: WebhookSystem) -> None:
    with receiver(answer(200, b"thanks")) as site:
        webhook = add(ask, site.url, events=["job.failed"])
        accepted = ask("POST", path(webhook, "/test"), status=202)
        assert (accepted.json_body["status"], accepted.json_body["attempts"]) == ("pending", [])
        system.process_messages()

    (request,) = site.requests
    assert verified(webhook["secret"], site)
    signature = hmac.new(webhook["secret"].encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == signature
    assert json.loads(request.body)["event"] == "webhook.test"
    delivery = ask("GET", accepted.headers["Location"], status=200).json_body
    assert delivery["status"] == "delivered"
    assert delivery["message_id"] == request.headers["webhook-id"]
    assert delivery["body"].encode() == request.body
    (attempt,) = delivery["attempts"]
    assert attempt.pop("latency_ms") >= 0
    assert attempt == {
        "time": delivery["completed_at"],
        "status": 200,
        "error": None,
        "detail": None,
        "response": "thanks",
    }
    (listed,) = log(ask, webhook)
    assert listed.items() <= delivery.items()
    assert (listed["attempt_count"], listed["last_attempt"]["status"]) == (1, 200)


def test_after_a_rotation_both_secrets_verify_for_a_day(ask: Ask, system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        webhook = add(ask, site.url)
        rotated = ask("POST", path(webhook, "/rotate-secret"), status=200)
        new = rotated.json_body["secret"]
        assert rotated.headers["Cache-Control"] == "no-store"
        assert new != webhook["secret"]
        ask("POST", path(webhook, "/test"), status=202)
        system.process_messages()
        assert [verified(secret, site) for secret in (webhook["secret"], new)] == [True, True]
        shown = ask("GET", path(webhook)).json_body
        assert "secret" not in shown
        ends = datetime.fromisoformat(shown["previous_secret_expires_at"])
        assert ends - system.clock.utc_now() == pytest.approx(timedelta(hours=24), abs=timedelta(milliseconds=1))

        system.clock.turn(ends)
        assert ask("GET", path(webhook)).json_body["previous_secret_expires_at"] is None
        ask("POST", path(webhook, "/test"), status=202)
        system.process_messages()
    assert len(site.requests[-1].headers["webhook-signature"].split()) == 1


def test_a_page_of_deliveries_leads_to_the_next(ask: Ask, system: WebhookSystem, theirs: str) -> None:
    with receiver(answer(200)) as site:
        webhook = add(ask, site.url, events=["job.completed", "job.cancelled"])
        for number in range(5):
            system.clock.turn(system.clock.utc_now() + timedelta(seconds=1))
            system.publish(
                system.event(job_id=f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}", status=["completed", "cancelled"][number % 2])
            )
        system.process_messages()
    seen, where = [], path(webhook, "/deliveries?per_page=2")
    while where:
        page = ask("GET", where, status=200)
        seen += page.json_body["deliveries"]
        link = page.headers.get("Link", "")
        assert bool(link) == (page.json_body["next_cursor"] is not None)
        where = link.partition("<")[2].partition(">")[0]
    assert [each["job_id"][-1] for each in seen] == ["4", "3", "2", "1", "0"]

    assert [each["job_id"][-1] for each in log(ask, webhook, "?event=job.cancelled")] == ["3", "1"]
    assert [each["job_id"] for each in log(ask, webhook, f"?job_id={seen[2]['job_id']}")] == [seen[2]["job_id"]]
    assert log(ask, webhook, "?status=failed") == []
    cursor = ask("GET", path(webhook, "/deliveries?per_page=2")).json_body["next_cursor"]
    own = add(ask.by(theirs))
    ask("GET", path(webhook, f"/deliveries?cursor={cursor[:-2]}AA"), status=400)
    ask("GET", path(webhook, f"/deliveries?status=failed&cursor={cursor}"), status=400)
    ask("GET", path(add(ask), f"/deliveries?cursor={cursor}"), status=400)
    ask("GET", path(own, f"/deliveries?cursor={cursor}"), key=theirs, status=400)


def test_what_was_delivered_can_be_had_again_under_its_id(ask: Ask, system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        webhook = add(ask, site.url)
        system.publish(system.event())
        system.process_messages()
        (delivery,) = log(ask, webhook)
        again = path(webhook, f"/deliveries/{delivery['delivery_id']}")
        assert ask("POST", f"{again}/redeliver", status=202).json_body["status"] == "pending"
        system.process_messages()
    first, second = site.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert ask("GET", again).json_body["attempt_count"] == 2


def test_an_endpoint_that_said_410_is_enabled_again_and_gets_what_it_missed(ask: Ask, system: WebhookSystem) -> None:
    with receiver(answer(410), answer(200)) as site:
        webhook = add(ask, site.url)
        began = system.clock.utc_now()
        system.publish(system.event("A"))
        system.process_messages()
        disabled = ask("GET", path(webhook)).json_body
        assert (disabled["enabled"], "410" in disabled["disabled_reason"]) == (False, True)
        system.publish(system.event("B"))
        system.pass_time(MINUTE)
        assert len(site.requests) == 1
        delivery = log(ask, webhook, "?status=failed")[-1]["delivery_id"]
        for call, body in (
            (f"/deliveries/{delivery}/redeliver", None),
            ("/recover", {"since": "2026-01-01"}),
            ("/test", None),
        ):
            assert "enabled" in ask("POST", path(webhook, call), body, status=409).json_body["detail"]

        enabled = ask("PATCH", path(webhook), {"enabled": True}, status=200).json_body
        assert (enabled["enabled"], enabled["disabled_reason"], enabled["failing_since"]) == (True, None, None)
        recovered = ask("POST", path(webhook, "/recover"), {"since": began.isoformat()}, status=202).json_body
        assert recovered == {"webhook_id": webhook["webhook_id"], "recovered": 2, "continues": False}
        system.process_messages()
        assert {json.loads(request.body)["job_id"] for request in site.requests[1:]} == {"A", "B"}
    assert {each["status"] for each in log(ask, webhook)} == {"delivered"}


def test_failures_are_those_of_an_address(ask: Ask, system: WebhookSystem) -> None:
    with receiver(answer(503), answer(410)) as site:
        webhook = add(ask, site.url)
        system.publish(system.event())
        system.process_messages()
        assert ask("GET", path(webhook)).json_body["failing_since"] is not None
        assert ask("PATCH", path(webhook), {"description": "bad"}).json_body["failing_since"] is not None
        assert ask("PATCH", path(webhook), {"url": f"{site.url}/new"}).json_body["failing_since"] is None

        system.pass_time(MINUTE)
        assert ask("GET", path(webhook)).json_body["disabled_reason"] is not None
        assert ask("PATCH", path(webhook), {"enabled": False}).json_body["disabled_reason"] is None
        system.publish(system.event("B"))
        system.process_messages()
    assert [each["job_id"] for each in log(ask, webhook)] == ["J"]


@pytest.mark.parametrize(("seconds", "recovered", "continues"), [(15, 3, False), (0, 1, True)])
def test_a_recovery_takes_page_after_page_and_then_goes_on_by_itself(
    ask: Ask, system: WebhookSystem, monkeypatch: pytest.MonkeyPatch, *, seconds: int, recovered: int, continues: bool
) -> None:
    monkeypatch.setattr(views, "RECOVER_SECONDS", seconds)
    monkeypatch.setattr(delivery_store, "recover", functools.partial(delivery_store.recover, max_deliveries=1))
    with receiver(answer(410), answer(200)) as site:
        webhook = add(ask, site.url)
        for job_id in "ABC":
            system.publish(system.event(job_id))
        system.process_messages()
        ask("PATCH", path(webhook), {"enabled": True})
        done = ask("POST", path(webhook, "/recover"), {"since": "2026-01-01"}, status=202).json_body
        assert (done["recovered"], done["continues"]) == (recovered, continues)
        system.process_messages()
    assert {each["status"] for each in log(ask, webhook)} == {"delivered"}


def test_a_recovery_may_begin_at_any_moment(ask: Ask, system: WebhookSystem) -> None:
    webhook = add(ask)
    for since in ("0001-01-01", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00+14:00"):
        recovered = ask("POST", path(webhook, "/recover"), {"since": since}, status=202).json_body
        assert (recovered["recovered"], recovered["continues"]) == (0, False)


def test_of_a_strangers_webhook_nothing_can_be_told(ask: Ask, system: WebhookSystem, theirs: str) -> None:
    webhook = add(ask, events=["job.completed"])
    delivery = ask("POST", path(webhook, "/test"), status=202).json_body["delivery_id"]
    own = add(ask.by(theirs))["webhook_id"]
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/webhooks/{}", None),
        ("PATCH", "/webhooks/{}", {"enabled": False}),
        ("DELETE", "/webhooks/{}", None),
        ("POST", "/webhooks/{}/rotate-secret", None),
        ("POST", "/webhooks/{}/test", None),
        ("POST", "/webhooks/{}/recover", {"since": "2026-01-01"}),
        ("GET", "/webhooks/{}/deliveries", None),
        ("GET", "/webhooks/{}/deliveries/{}", None),
        ("POST", "/webhooks/{}/deliveries/{}/redeliver", None),
        ("GET", f"/webhooks/{own}/deliveries/{{1}}", None),
        ("POST", f"/webhooks/{own}/deliveries/{{1}}/redeliver", None),
    ]
    for method, where, body in calls:
        real, none = (webhook["webhook_id"], delivery), NOBODYS
        foreign, absent = (ask(method, where.format(*ids), body, key=theirs, status=404) for ids in (real, none))
        told = foreign.body.decode()
        for mine, nobodys in zip(real, none, strict=True):
            told = told.replace(mine, nobodys)
        assert told == absent.body.decode()
    assert ask("GET", path(webhook)).json_body["enabled"]
    assert ask("GET", "/webhooks", key=theirs).json_body["webhooks"][0]["webhook_id"] == own
    assert len(log(ask, webhook)) == 1
