"""An account turns its endpoints on one receiver, which may be somebody else's."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from mediajobs.webhooks import (
    delivery_service,
    delivery_store,
    endpoint_concurrency_store,
    endpoint_store,
    send_rate_store,
)
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.endpoints import MAX_ENDPOINTS, Endpoint
from tests.support import aws_calls
from tests.support.webhook_receivers import Receiver, answer, receiver
from tests.support.webhooks import MINUTE, WebhookSystem, webhook_system

pytestmark = pytest.mark.usefixtures("cloud")
LIMIT = 20


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> WebhookSystem:
    return webhook_system(monkeypatch)


def flood(system: WebhookSystem, endpoints: list[Endpoint], events: int) -> None:
    for number in range(events):
        system.publish(system.event(f"J{number}"))
    system.process_messages()
    assert all(len(system.deliveries(endpoint)) == events for endpoint in endpoints)


def busiest_window(site: Receiver) -> int:
    """The most requests in 15 seconds of the clock; each window has its own time in the header."""
    windows = Counter(int(request.headers["webhook-timestamp"]) // 15 for request in site.requests)
    return max(windows.values())


def assert_all_arrived(system: WebhookSystem, endpoints: list[Endpoint], events: int) -> None:
    for endpoint in endpoints:
        deliveries = system.deliveries(endpoint)
        assert [(each.status, len(each.attempts)) for each in deliveries] == [("delivered", 1)] * events


def test_ten_endpoints_at_one_host_send_no_more_than_one_might(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rate_store, "MAX_TO_HOST", LIMIT)
    with receiver(answer(200)) as site:
        endpoints = [system.endpoint(f"{site.url}/{number}") for number in range(MAX_ENDPOINTS)]
        flood(system, endpoints, events=5)
        assert len(site.requests) == LIMIT
        system.pass_time(10 * MINUTE)

    assert_all_arrived(system, endpoints, 5)
    assert busiest_window(site) == LIMIT
    assert len(site.requests) == 50


def test_many_names_for_one_address_do_not_help(system: WebhookSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_rate_store, "MAX_TO_ALL", LIMIT)
    with receiver(answer(200)) as site:
        port = site.url.rpartition(":")[2]
        names = ["localhost", "LOCALHOST", "127.0.0.1", "127.1", "2130706433", "0x7f000001"]
        endpoints = [system.endpoint(f"http://{name}:{port}") for name in names]
        flood(system, endpoints, events=10)
        assert len(site.requests) == LIMIT
        system.pass_time(10 * MINUTE)

    assert_all_arrived(system, endpoints, 10)
    assert busiest_window(site) == LIMIT


def test_the_flood_of_one_account_does_not_delay_another(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rate_store, "MAX_TO_HOST", 1)
    with receiver(answer(200)) as site:
        flooding, other = system.endpoint(site.url), system.endpoint(site.url, account="other")
        flood(system, [flooding], events=5)
        system.publish(system.event("K", account="other"))
        system.process_messages()
        assert [each.status for each in system.deliveries(other)] == ["delivered"]
        system.pass_time(10 * MINUTE)
    assert_all_arrived(system, [flooding], 5)


def test_a_flood_of_one_host_does_not_delay_another_of_the_same_account(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not by those that wait: there may be thousands."""
    monkeypatch.setattr(send_rate_store, "MAX_TO_HOST", 2)
    monkeypatch.setattr(send_rate_store, "MAX_TO_ALL", LIMIT)
    flooded, other = system.endpoint("http://127.0.0.1:1/"), system.endpoint("http://localhost:1/")
    now = system.clock.utc_now()
    assert [delay(flooded, now) > 0 for _ in range(3 * LIMIT)] == [False, False] + [True] * (3 * LIMIT - 2)
    assert [delay(other, now) > 0 for _ in range(3)] == [False, False, True]


def test_those_that_wait_are_spread_over_the_windows_to_come(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a backlog costs few calls: nothing is postponed again and again."""
    monkeypatch.setattr(send_rate_store, "MAX_TO_HOST", LIMIT)
    endpoint = system.endpoint("http://127.0.0.1:1/")
    delays = [delay(endpoint, system.clock.utc_now()) for _ in range(5 * LIMIT)]
    assert [round(each / 15) for each in delays] == [number // LIMIT for number in range(5 * LIMIT)]
    assert delay(endpoint, system.clock.utc_now() + timedelta(seconds=15)) == 0
    monkeypatch.setattr(send_rate_store, "MAX_TO_HOST", 0.001)
    assert delay(endpoint, system.clock.utc_now() + timedelta(seconds=15)) <= 600


def delay(endpoint: Endpoint, now: datetime) -> float:
    try:
        send_rate_store.count(endpoint, now)
    except send_rate_store.RateExceeded as exceeded:
        return exceeded.seconds
    return 0.0


def test_workers_that_count_at_the_same_time_miss_nothing(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rate_store, "MAX_TO_HOST", LIMIT)
    endpoint, now = system.endpoint("http://127.0.0.1:1/"), system.clock.utc_now()
    with aws_calls.atomic_writes(), ThreadPoolExecutor(8) as pool:
        delays = list(pool.map(lambda _: delay(endpoint, now), range(2 * LIMIT)))
    assert delays.count(0.0) == LIMIT


def test_an_attempt_costs_one_call_more(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(2):
            system.publish(system.event(f"J{number}"))
            system.process_messages()
        made = delivery_store.send_test(endpoint, system.clock.utc_now())
        reference = DeliveryReference("acme", endpoint.webhook_id, made.delivery_id)
        with aws_calls.calls() as sent:
            assert delivery_service.attempt_delivery(reference, system.clock.utc_now) == "delivered"
    # A slot with the endpoint, the rate, the lease, the outcome, the slot's release.
    assert Counter(sent)["UpdateItem"] == 5


def test_who_never_answered_gets_no_progress(system: WebhookSystem) -> None:
    with receiver(answer(404), answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for version, status in enumerate(["processing", "transcoding", "uploading"]):
            system.publish(system.event(status=status, version=version))
        system.process_messages()
        assert system.deliveries(endpoint) == []
        system.publish(system.event(status="completed", version=4))
        system.process_messages()
        assert [each.event for each in system.deliveries(endpoint)] == ["job.completed"]
        assert not endpoint_store.get("acme", endpoint.webhook_id).verified
        system.pass_time(MINUTE)  # the second attempt gets 200

        assert endpoint_store.get("acme", endpoint.webhook_id).verified
        system.publish(system.event("K", status="processing"))
        system.process_messages()
    assert json.loads(site.requests[-1].body)["event"] == "job.progress"


def test_a_test_that_is_answered_is_enough(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        delivery_store.send_test(endpoint, system.clock.utc_now())
        system.publish(system.event(status="processing"))
        system.process_messages()  # in this order: the event before the test is delivered
        system.publish(system.event("K", status="processing"))
        system.process_messages()
    assert sorted((each.event, each.job_id) for each in system.deliveries(endpoint) if each.job_id) == [
        ("job.progress", "K")
    ]


def test_another_url_proves_nothing_for_a_new_one(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        on_its_way = endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)
        endpoint_store.change("acme", endpoint.webhook_id, {"url": f"{site.url}/victim"}, system.clock.utc_now())
        endpoint_concurrency_store.release(on_its_way, system.clock.utc_now(), delivered=True)
        assert not endpoint_store.get("acme", endpoint.webhook_id).verified
        system.publish(system.event(status="processing"))
        system.process_messages()
    assert site.requests == []
