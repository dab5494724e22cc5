"""Endpoints: ten an account, secrets that overlap, nothing for strangers, nothing secret in logs."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.dynamodb.responses import DynamoHandler
from standardwebhooks import Webhook, WebhookVerificationError

from mediajobs.errors import Conflict, NotFound
from mediajobs.webhooks import delivery_store, endpoint_concurrency_store, endpoint_store, overdue_service, signatures
from mediajobs.webhooks.endpoints import DEFAULT_EVENTS, MAX_ENDPOINTS
from tests.support.template import template
from tests.support.webhook_receivers import answer, receiver
from tests.support.webhooks import MINUTE, WebhookSystem, webhook_system

pytestmark = pytest.mark.usefixtures("cloud")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://example.com/hook"


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> WebhookSystem:
    return webhook_system(monkeypatch)


def test_what_was_made_is_found_again() -> None:
    made = endpoint_store.create("acme", url=URL, now=NOW, description="mine")
    assert made == endpoint_store.get("acme", made.webhook_id)
    assert (made.events, made.enabled, len(made.secrets)) == (DEFAULT_EVENTS, True, 1)
    other = endpoint_store.create("acme", url=URL, now=NOW)
    assert endpoint_store.of_account("acme") == sorted([made, other], key=lambda each: each.webhook_id)
    assert made.secrets != other.secrets


def test_an_account_has_ten_at_most_however_many_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, write = threading.Lock(), DynamoHandler.transact_write_items

    def one_at_a_time(self: Any) -> Any:  # as DynamoDB does it; moto does not
        with lock:
            return write(self)

    monkeypatch.setattr(DynamoHandler, "transact_write_items", one_at_a_time)

    def make(_: int) -> bool:
        try:
            endpoint_store.create("acme", url=URL, now=NOW)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(16))) == 10
    assert len(endpoint_store.of_account("acme")) == 10
    endpoint_store.delete("acme", endpoint_store.of_account("acme")[0].webhook_id)
    endpoint_store.create("acme", url=URL, now=NOW)
    with pytest.raises(Conflict, match="Delete one"):
        endpoint_store.create("acme", url=URL, now=NOW)


def test_what_is_changed_is_changed_and_the_rest_stays() -> None:
    made = endpoint_store.create("acme", url=URL, now=NOW, description="mine")
    changed = endpoint_store.change(
        "acme", made.webhook_id, {"events": ("job.progress",), "description": None}, NOW + MINUTE
    )
    assert changed == endpoint_store.get("acme", made.webhook_id)
    assert (changed.events, changed.description, changed.url) == (("job.progress",), None, URL)
    assert changed.secrets == made.secrets


def test_strangers_find_nothing_and_change_nothing() -> None:
    made = endpoint_store.create("acme", url=URL, now=NOW)
    for attempt in (
        lambda: endpoint_store.get("other", made.webhook_id),
        lambda: endpoint_store.change("other", made.webhook_id, {"url": "https://evil.example/"}, NOW),
        lambda: endpoint_store.rotate_secret("other", made.webhook_id, NOW),
        lambda: endpoint_store.delete("other", made.webhook_id),
        lambda: endpoint_store.get("acme", "endpoints"),  # what counts them is none
        lambda: endpoint_store.change("acme", "endpoints", {"url": URL}, NOW),
        lambda: endpoint_store.delete("acme", "endpoints"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert endpoint_store.get("acme", made.webhook_id) == made
    assert endpoint_store.of_account("other") == []


def verifies(secret: str, sent: dict[str, str], body: str) -> bool:
    try:
        Webhook(secret).verify(body, sent)
    except WebhookVerificationError:
        return False
    return True


def test_an_old_secret_signs_for_a_day_beside_the_new_one() -> None:
    now = datetime.now(UTC)
    made = endpoint_store.create("acme", url=URL, now=now)
    before = made.secrets[0].secret
    rotated = endpoint_store.rotate_secret("acme", made.webhook_id, now - timedelta(hours=23))
    after = rotated.secrets[0].secret
    sent = signatures.headers("msg_1", now, "{}", rotated.signing_secrets(now))
    assert verifies(before, sent, "{}")
    assert verifies(after, sent, "{}")
    assert rotated.signing_secrets(now + timedelta(hours=2)) == [after]
    again = endpoint_store.rotate_secret("acme", made.webhook_id, now + timedelta(hours=2))
    assert [each.secret for each in again.secrets][1:] == [after]  # the expired one is forgotten


def test_secrets_do_not_pile_up() -> None:
    made = endpoint_store.create("acme", url=URL, now=NOW)
    for _ in range(9):
        endpoint_store.rotate_secret("acme", made.webhook_id, NOW)
    with pytest.raises(Conflict, match="oldest has expired"):
        endpoint_store.rotate_secret("acme", made.webhook_id, NOW)
    assert len(endpoint_store.rotate_secret("acme", made.webhook_id, NOW + timedelta(hours=25)).secrets) == 2


def test_a_lost_hint_is_given_again_but_not_every_minute(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        assert system.process_message()
        system.queues.messages.clear()
        assert overdue_service.enqueue_overdue(system.clock.utc_now()) == 0  # it is given some time
        system.clock.turn(system.clock.utc_now() + 3 * MINUTE)
        assert overdue_service.enqueue_overdue(system.clock.utc_now()) == 1
        assert overdue_service.enqueue_overdue(system.clock.utc_now() + MINUTE) == 0
        system.process_messages()
    assert system.deliveries(endpoint)[0].status == "delivered"


def test_what_goes_to_a_deleted_endpoint_ends(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        assert system.process_message()
        endpoint_store.delete("acme", endpoint.webhook_id)
        system.process_messages()
    assert site.requests == []
    assert [(each.status, each.reason) for each in system.deliveries(endpoint)] == [("failed", "webhook_deleted")]
    assert endpoint_store.of_account("acme") == []  # and does not come back


def test_a_delivery_is_sent_a_hundred_times_at_most(system: WebhookSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_store, "MAX_ATTEMPTS", 2)
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.process_messages()
        delivery_store.redeliver(system.deliveries(endpoint)[0], system.clock.utc_now())
        system.process_messages()
        with pytest.raises(Conflict, match="as often as may be"):
            delivery_store.redeliver(system.deliveries(endpoint)[0], system.clock.utc_now())


def test_nothing_secret_is_logged(system: WebhookSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(system.app.logger.registered_handler, "stream", log)
    with receiver(answer(500, b"their words"), answer(200)) as site:
        endpoint = system.endpoint(f"{site.url}?token=theirs")
        system.publish(system.event(filename="private name.mp4"))
        system.process_messages()
        system.pass_time(MINUTE)
    shown = log.getvalue()
    assert endpoint.webhook_id in shown
    request = site.requests[0]
    secret = endpoint.secrets[0].secret
    for word in (secret, request.headers["webhook-signature"], request.headers["x-webhook-signature"]):
        assert word.removeprefix("whsec_").removeprefix("v1,") not in shown
    for word in ("private name", "their words", "theirs"):
        assert word not in shown


def test_the_slow_endpoints_of_one_account_leave_most_workers_to_the_others() -> None:
    hints = template()["Resources"]["WebhookDeliveryFunction"]["Properties"]["Events"]["Message"]["Properties"]
    _condition, _at_home, workers = hints["ScalingConfig"]["MaximumConcurrency"]["Fn::If"]
    assert workers / 2 >= MAX_ENDPOINTS * endpoint_concurrency_store.MAX_CONCURRENT  # at worst each holds one alone
