"""What receivers get, well-behaved and not, on a clock that the test turns."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from mediajobs.outbound import http_client
from mediajobs.timestamps import parse_rfc3339
from mediajobs.webhooks import (
    attempt_queue,
    delivery_lease_store,
    delivery_service,
    delivery_store,
    endpoint_concurrency_store,
    endpoint_store,
)
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import Delivery
from mediajobs.webhooks.retry_policy import SCHEDULE
from tests.support import webhook_receivers
from tests.support.waiting import HANG_SECONDS, until
from tests.support.webhook_receivers import Behaviour, answer, receiver
from tests.support.webhooks import MINUTE, WebhookSystem, message, webhook_system

pytestmark = pytest.mark.usefixtures("cloud")
DAY = timedelta(days=1)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> WebhookSystem:
    return webhook_system(monkeypatch)


def killed(**_: Any) -> None:
    raise TimeoutError


def gaps(delivery: Delivery) -> list[float]:
    """Seconds between the attempts."""
    moments = [parse_rfc3339(attempt.time) for attempt in delivery.attempts]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


def test_a_completed_job_is_told_once_and_signed(system: WebhookSystem) -> None:
    with receiver(answer(200, b"thanks")) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event(outputs=["360p", "transcript_txt"], duration_seconds=12.5))
        system.process_messages()

    (request,) = site.requests
    assert json.loads(request.body) == {
        "event": "job.completed",
        "job_id": "J",
        "status": "completed",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "data": {
            "filename": "a.mp4",
            "duration_seconds": 12.5,
            "progress": 100,
            "outputs": {
                "360p": "/jobs/J/download/360p",
                "720p": None,
                "audio": None,
                "thumbnail": None,
                "transcription": {"txt": "/jobs/J/download/transcript_txt", "srt": None, "vtt": None, "json": None},
            },
        },
    }
    (delivery,) = system.deliveries(endpoint)
    assert (delivery.status, delivery.message_id) == ("delivered", request.headers["webhook-id"])
    (attempt,) = delivery.attempts
    assert (attempt.status, attempt.error, attempt.response) == (200, None, "thanks")
    assert delivery.next_attempt_at is None


def test_events_are_told_to_whom_they_concern(system: WebhookSystem) -> None:
    with receiver(answer(204)) as site:
        ends = system.endpoint(site.url, events=("job.completed", "job.failed"))
        moves = system.endpoint(site.url, events=("job.progress", "job.cancelled"))
        other = system.endpoint(site.url, account="other")
        off = system.endpoint(site.url)
        endpoint_store.change("acme", off.webhook_id, {"enabled": False}, system.clock.utc_now())
        delivery_store.send_test(moves, system.clock.utc_now())  # one that never answered gets no progress
        system.process_messages()
        for version, status in enumerate(["queued", "processing", "uploading", "failed", "cancelled", "deleted"]):
            system.publish(system.event(status=status, version=version, error={"message": "No.", "code": "no"}))
        system.process_messages()

    assert [delivery.event for delivery in system.deliveries(ends)] == ["job.failed"]
    assert sorted(delivery.event for delivery in system.deliveries(moves)) == [
        "job.cancelled",
        "job.progress",
        "job.progress",
        "webhook.test",
    ]
    assert system.deliveries(other) == system.deliveries(off) == []
    (failed,) = [json.loads(each.body) for each in site.requests if b"job.failed" in each.body]
    assert (failed["data"]["error"], failed["data"]["error_code"]) == ("No.", "no")


@pytest.mark.parametrize(
    ("behaviour", "error", "status"),
    [
        (answer(500, b"oh no"), "refused", 500),
        (answer(404), "refused", 404),
        (webhook_receivers.hang_up, "broken_off", None),
        (webhook_receivers.hang_up_in_the_head, "broken_off", None),
        (webhook_receivers.hang_up_in_the_body, "broken_off", None),
        (webhook_receivers.silence, "timed_out", None),
        (webhook_receivers.dribbled_head, "timed_out", None),
        (webhook_receivers.endless_head, "malformed_answer", None),
        (webhook_receivers.endless_promises, "malformed_answer", None),
    ],
)
def test_whatever_is_no_answer_of_2xx_is_tried_again(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, error: str, status: int | None
) -> None:
    monkeypatch.setattr(delivery_service, "DEADLINE_SECONDS", 2.0 if error == "timed_out" else HANG_SECONDS)
    with receiver(behaviour, answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.process_messages()
        until(lambda: site.requests)
        monkeypatch.setattr(delivery_service, "DEADLINE_SECONDS", HANG_SECONDS)
        system.pass_time(timedelta(seconds=10))

    (delivery,) = system.deliveries(endpoint)
    first, second = delivery.attempts
    assert (first.error, first.status, second.status, delivery.status) == (error, status, 200, "delivered")
    assert first.detail
    assert 5 <= gaps(delivery)[0] <= 7
    assert [request.headers["webhook-id"] for request in site.requests] == [delivery.message_id] * 2
    assert site.requests[0].body == site.requests[1].body == delivery.body.encode()


@pytest.mark.parametrize("behaviour", [webhook_receivers.endless_body, webhook_receivers.dribbled_body])
def test_of_an_endless_answer_its_status_counts_and_its_beginning_is_kept(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    monkeypatch.setattr(http_client, "_BODY_SECONDS", 2.0)
    with receiver(behaviour) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.process_messages()

    (delivery,) = system.deliveries(endpoint)
    assert delivery.status == "delivered"
    assert 0 < len(delivery.attempts[0].response or "") <= 1024


def test_a_receiver_that_is_down_is_tried_ten_times_over_75_hours_and_recovered_afterwards(
    system: WebhookSystem,
) -> None:
    with receiver(*[answer(500)] * 10, answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        began = system.clock.utc_now()
        system.pass_time(4 * DAY)

        (delivery,) = system.deliveries(endpoint)
        assert (len(site.requests), delivery.status, delivery.reason) == (10, "failed", "attempts_exhausted")
        for gap, wait in zip(gaps(delivery), SCHEDULE[1:], strict=True):
            assert wait <= gap <= wait * 1.1 + 60  # to the sweep's next minute
        assert timedelta(hours=75) < parse_rfc3339(delivery.completed_at or "") - began < timedelta(hours=84)

        done = delivery_store.recover(
            endpoint.webhook_id, parse_rfc3339(delivery.completed_at or ""), system.clock.utc_now()
        )
        system.process_messages()
    assert (done.count, done.next_position) == (1, None)
    assert [each.status for each in system.deliveries(endpoint)] == ["delivered"]
    assert {request.headers["webhook-id"] for request in site.requests} == {delivery.message_id}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(system: WebhookSystem, form: str) -> None:
    wanted = {"seconds": "3600", "date": format_datetime(system.clock.utc_now() + timedelta(hours=1), usegmt=True)}[
        form
    ]
    with receiver(answer(429, Retry_After=wanted), answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.pass_time(timedelta(hours=2))

    (delivery,) = system.deliveries(endpoint)
    assert [attempt.status for attempt in delivery.attempts] == [429, 200]
    assert 3600 <= gaps(delivery)[0] <= 3660


def test_a_redirect_is_not_followed(system: WebhookSystem) -> None:
    with receiver(answer(200)) as inside, receiver(answer(307, Location=inside.url)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.process_messages()

    (delivery,) = system.deliveries(endpoint)
    assert (delivery.attempts[0].status, delivery.attempts[0].error) == (307, "redirected")
    assert (delivery.status, inside.requests) == ("pending", [])


def test_410_disables_at_once_and_what_waits_has_failed_and_can_be_recovered(system: WebhookSystem) -> None:
    with receiver(answer(500), answer(410), answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event("J"))
        system.process_messages()
        system.publish(system.event("K"))
        system.process_messages()
        disabled = endpoint_store.get("acme", endpoint.webhook_id)
        assert not disabled.enabled
        assert "410" in (disabled.disabled_reason or "")
        system.pass_time(timedelta(minutes=5))
        assert {each.job_id: each.reason for each in system.deliveries(endpoint)} == {
            "J": "webhook_disabled",
            "K": "gone",
        }
        assert len(site.requests) == 2

        enabled = endpoint_store.change("acme", endpoint.webhook_id, {"enabled": True}, system.clock.utc_now())
        assert (enabled.enabled, enabled.disabled_reason) == (True, None)
        delivery_store.recover(endpoint.webhook_id, system.clock.utc_now() - DAY, system.clock.utc_now())
        system.process_messages()
    assert [each.status for each in system.deliveries(endpoint)] == ["delivered", "delivered"]


def test_five_days_of_nothing_but_failure_disable(system: WebhookSystem) -> None:
    with receiver(answer(500)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event("J"))
        system.pass_time(3 * DAY)
        system.publish(system.event("K"))
        system.pass_time(1.5 * DAY)
        assert endpoint_store.get("acme", endpoint.webhook_id).enabled
        system.pass_time(2 * DAY)
    disabled = endpoint_store.get("acme", endpoint.webhook_id)
    assert not disabled.enabled
    assert "2026-03-01T12:00" in (disabled.disabled_reason or "")


@pytest.mark.parametrize(
    ("hours", "well", "enabled"),
    [
        ([0, 40, 80, 119], None, True),
        ([0, 40, 80, 121], None, False),
        ([0, 40, 80, 121], 1, True),  # a success in between
        ([0, 20, 121, 130], None, True),  # nothing was tried for days: nothing is known of them
    ],
)
def test_only_an_unbroken_row_of_failures_counts(
    system: WebhookSystem, hours: list[int], well: int | None, *, enabled: bool
) -> None:
    endpoint = system.endpoint("http://127.0.0.1:1/")
    began = system.clock.utc_now()
    for number, hour in enumerate(hours):
        system.clock.turn(began + timedelta(hours=hour))
        slot = endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)
        endpoint_concurrency_store.release(slot, system.clock.utc_now(), delivered=number == well)
    assert endpoint_store.get("acme", endpoint.webhook_id).enabled == enabled


def test_what_an_old_address_answers_is_not_held_against_the_new_one(system: WebhookSystem) -> None:
    endpoint = system.endpoint("http://127.0.0.1:1/old")
    for _ in range(3):
        endpoint_concurrency_store.release(
            endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE),
            system.clock.utc_now(),
            delivered=False,
        )
        system.clock.turn(system.clock.utc_now() + 1.9 * DAY)
    on_its_way = endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)
    assert on_its_way.endpoint.failing_since is not None
    changed = endpoint_store.change(
        "acme", endpoint.webhook_id, {"url": "http://127.0.0.1:1/new"}, system.clock.utc_now()
    )
    endpoint_concurrency_store.release(on_its_way, system.clock.utc_now(), delivered=False)
    endpoint_concurrency_store.disable(on_its_way.endpoint, "410", system.clock.utc_now())
    assert endpoint_store.get("acme", endpoint.webhook_id) == changed
    slots = [
        endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)
        for _ in range(endpoint_concurrency_store.MAX_CONCURRENT)
    ]
    assert on_its_way.name in {slot.name for slot in slots}  # it was given back


def test_only_a_few_requests_to_one_endpoint_are_on_their_way(system: WebhookSystem) -> None:
    endpoint = system.endpoint("http://127.0.0.1:1/")
    entered = [
        endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)
        for _ in range(endpoint_concurrency_store.MAX_CONCURRENT)
    ]
    with pytest.raises(endpoint_concurrency_store.EndpointBusy):
        endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)
    endpoint_concurrency_store.release(entered[2], system.clock.utc_now(), delivered=True)
    assert (
        endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE).name
        == entered[2].name
    )
    system.clock.turn(system.clock.utc_now() + MINUTE)  # the lease of a dead function is over
    endpoint_concurrency_store.acquire("acme", endpoint.webhook_id, system.clock.utc_now(), MINUTE)


def test_what_is_sent_again_has_the_same_id_also_when_it_was_delivered(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.process_messages()
        (delivery,) = system.deliveries(endpoint)
        again = delivery_store.redeliver(delivery, system.clock.utc_now())
        assert again.status == "pending"
        system.process_messages()

    assert [request.headers["webhook-id"] for request in site.requests] == [delivery.message_id] * 2
    assert len(system.deliveries(endpoint)[0].attempts) == 2


def test_an_attempt_whose_end_was_never_written_is_logged_as_interrupted_and_made_again(
    system: WebhookSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = delivery_lease_store.finish
    deaths = iter([True])

    def killed(*arguments: Any) -> None:
        if next(deaths, False):
            raise TimeoutError
        finish(*arguments)

    monkeypatch.setattr(delivery_lease_store, "finish", killed)
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        system.publish(system.event())
        system.process_messages()
        assert system.deliveries(endpoint)[0].attempts == []  # nobody knows yet
        system.pass_time(timedelta(minutes=5))

    (delivery,) = system.deliveries(endpoint)
    assert [(attempt.error, attempt.status) for attempt in delivery.attempts] == [("interrupted", None), (None, 200)]
    assert len(site.requests) == 2


@pytest.mark.parametrize("malformed", ["", "{", "[]", '{"account": "acme"}'])
def test_a_malformed_hint_fails_alone(system: WebhookSystem, malformed: str) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        made = delivery_store.send_test(endpoint, system.clock.utc_now())
        well = json.dumps(DeliveryReference("acme", endpoint.webhook_id, made.delivery_id)._asdict())
        done = system.app.deliver({"Records": [message(malformed, "bad"), message(well, "good")]}, None)
    assert done == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert [each.status for each in system.deliveries(endpoint)] == ["delivered"]


def test_a_sweep_that_dies_forgets_few_hints(system: WebhookSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_store, "shard_of", lambda _: "due#0")
    endpoint = system.endpoint("http://127.0.0.1:1/")
    for _ in range(12):
        delivery_store.send_test(endpoint, system.clock.utc_now())
    system.queues.messages.clear()  # all hints are lost
    system.clock.turn(system.clock.utc_now() + 3 * MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(system.queues, "send_message_batch", killed)
        with pytest.raises(TimeoutError):
            system.run_sweep()
    system.run_sweep()
    assert len(system.queues.messages["attempts"]) == 2
    system.clock.turn(system.clock.utc_now() + 16 * MINUTE)
    system.run_sweep()
    assert len({body for _, body in system.queues.messages["attempts"]}) == 12


def test_a_copy_of_an_event_makes_no_second_delivery_and_two_endpoints_get_one_id(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        first, second = system.endpoint(site.url), system.endpoint(site.url)
        event = system.event()
        for _ in range(3):
            system.publish(event)
        system.process_messages()

    assert len(site.requests) == 2
    (one,), (other,) = system.deliveries(first), system.deliveries(second)
    assert one.message_id == other.message_id
    assert one.delivery_id != other.delivery_id


def test_a_replay_tells_no_endpoint_of_what_happened_before_it_was_made(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        early = system.endpoint(site.url)
        event = system.event()
        system.publish(event)
        system.process_messages()
        system.clock.turn(system.clock.utc_now() + DAY)
        late = system.endpoint(site.url)
        system.publish(event)
        system.publish(system.event("K"))
        system.process_messages()
    assert [each.job_id for each in system.deliveries(early)] == ["J", "K"]
    assert [each.job_id for each in system.deliveries(late)] == ["K"]
    assert len(site.requests) == 3


def test_a_test_event_is_sent_and_logged(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url, events=("job.failed",))
        made = delivery_store.send_test(endpoint, system.clock.utc_now())
        system.process_messages()

    assert json.loads(site.requests[0].body)["event"] == "webhook.test"
    assert delivery_store.get(endpoint.webhook_id, made.delivery_id).status == "delivered"


def test_one_that_is_down_is_left_alone_for_a_minute_and_then_asked_by_one(system: WebhookSystem) -> None:
    with receiver(*[answer(503)] * 6, answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(20):
            system.publish(system.event(f"J{number}"))
        system.process_messages()
        assert len(site.requests) == 5  # the circuit is open
        system.pass_time(timedelta(seconds=50))
        assert len(site.requests) == 5
        system.pass_time(
            timedelta(hours=1), until=lambda: all(each.status == "delivered" for each in system.deliveries(endpoint))
        )

    assert {each.status for each in system.deliveries(endpoint)} == {"delivered"}
    assert sum(len(each.attempts) for each in system.deliveries(endpoint)) == len(site.requests) == 26


def test_a_hint_at_what_is_not_due_does_not_take_the_place_of_the_one_that_asks(system: WebhookSystem) -> None:
    with receiver(answer(200), *[answer(503)] * 5, answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(7):
            system.publish(system.event(f"J{number}"))
        system.process_messages()
        assert len(site.requests) == 6  # the circuit is open
        system.clock.turn(system.clock.utc_now() + timedelta(seconds=61))
        told, waits = (
            next(each for each in system.deliveries(endpoint) if each.status == status)
            for status in ("delivered", "pending")
        )
        for each, outcome in ((told, "not due"), (waits, "delivered")):
            with ThreadPoolExecutor(1) as another:  # who may ask is a matter of threads
                hint = DeliveryReference("acme", each.webhook_id, each.delivery_id)
                assert another.submit(delivery_service.attempt_delivery, hint, system.clock.utc_now).result() == outcome


def test_what_waits_for_one_that_is_down_has_failed_soon_after_it_is_disabled(system: WebhookSystem) -> None:
    with receiver(answer(503)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(30):
            system.publish(system.event(f"J{number}"))
        system.process_messages()
        endpoint_store.change("acme", endpoint.webhook_id, {"enabled": False}, system.clock.utc_now())
        system.pass_time(timedelta(minutes=5))
    assert {(each.status, each.reason) for each in system.deliveries(endpoint)} == {("failed", "webhook_disabled")}
    assert len(site.requests) == 5


def test_what_was_never_tried_is_sent_minutes_after_the_endpoint_is_back(system: WebhookSystem) -> None:
    with receiver(*[answer(503)] * 15, answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(30):
            system.publish(system.event(f"J{number}"))
        system.pass_time(timedelta(hours=2), until=lambda: len(site.requests) > 15)
        untried = [each.delivery_id for each in system.deliveries(endpoint) if not each.attempts]
        assert len(untried) > 10
        system.pass_time(timedelta(minutes=6))
    assert {delivery_store.get(endpoint.webhook_id, each).status for each in untried} == {"delivered"}


def test_the_log_is_read_by_page_and_by_filter(system: WebhookSystem) -> None:
    with receiver(answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(5):
            system.publish(system.event(f"J{number}", "failed" if number % 2 else "completed"))
            system.clock.turn(system.clock.utc_now() + timedelta(seconds=1))
        system.process_messages()

    seen: list[Any] = []
    position: dict[str, Any] | None = None
    for _ in range(3):
        page = delivery_store.page(endpoint.webhook_id, limit=2, position=position)
        seen += [each.job_id for each in page.deliveries]
        position = page.next_position
    assert seen == ["J4", "J3", "J2", "J1", "J0"]
    assert [each.job_id for each in delivery_store.page(endpoint.webhook_id, event="job.failed").deliveries] == [
        "J3",
        "J1",
    ]
    assert [each.job_id for each in delivery_store.page(endpoint.webhook_id, job_id="J2").deliveries] == ["J2"]
    assert delivery_store.page(endpoint.webhook_id, status="failed").deliveries == []


def test_a_recovery_goes_on_where_a_request_had_to_stop(system: WebhookSystem) -> None:
    with receiver(answer(410), answer(200)) as site:
        endpoint = system.endpoint(site.url)
        for number in range(5):
            system.publish(system.event(f"J{number}"))
        system.process_messages()
        endpoint_store.change("acme", endpoint.webhook_id, {"enabled": True}, system.clock.utc_now())
        since = system.clock.utc_now() - DAY
        begun = delivery_store.recover(endpoint.webhook_id, since, system.clock.utc_now(), max_deliveries=2)
        assert begun.count == 2
        assert begun.next_position is not None
        attempt_queue.enqueue_recovery(endpoint.webhook_id, since.isoformat(), begun.next_position)
        system.process_messages()
    assert {each.status for each in system.deliveries(endpoint)} == {"delivered"}
