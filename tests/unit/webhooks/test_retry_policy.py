"""When a delivery is tried again, and what an answer means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mediajobs.webhooks.delivery import MAX_ATTEMPTS, DeliveryResponse, attempt_of
from mediajobs.webhooks.retry_policy import JITTER, MAX_RETRY_AFTER, SCHEDULE, next_step, postpone_seconds
from mediajobs.webhooks.retry_policy import retry_after_seconds as seconds

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def wait(tries: int, answer: DeliveryResponse, random: float = 0.0) -> float:
    then = next_step(tries, answer, NOW, random)
    assert then.at is not None
    return (then.at - NOW).total_seconds()


def test_ten_attempts_take_75_hours() -> None:
    assert len(SCHEDULE) == 10
    assert 75 * 3600 <= sum(SCHEDULE) <= 76 * 3600


@pytest.mark.parametrize("tries", range(1, 10))
def test_each_failure_waits_for_its_turn_with_some_jitter(tries: int) -> None:
    assert wait(tries, DeliveryResponse(500)) == SCHEDULE[tries]
    assert wait(tries, DeliveryResponse(error="timed_out"), random=1) == pytest.approx(SCHEDULE[tries] * (1 + JITTER))


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (DeliveryResponse(200), "delivered", None),
        (DeliveryResponse(299), "delivered", None),
        (DeliveryResponse(410), "failed", "gone"),
        (DeliveryResponse(500), "failed", "attempts_exhausted"),
        (DeliveryResponse(200, error="broken_off"), "failed", "attempts_exhausted"),
    ],
)
def test_what_ends_a_delivery(answer: DeliveryResponse, status: str, reason: str | None) -> None:
    then = next_step(10, answer, NOW, 0)
    assert (then.status, then.reason, then.at) == (status, reason, None)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 400, 404, 408, 429, 500, 503])
def test_all_else_is_tried_again(status: int) -> None:
    assert next_step(1, DeliveryResponse(status), NOW, 0).status == "pending"
    assert attempt_of(DeliveryResponse(status), NOW).error is not None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("0", 0),
        ("90", 90),
        (" 90 ", 90),
        ("9" * 400, MAX_RETRY_AFTER),
        ("1.5", 0),
        ("²", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Fri, 31 Dec 99999999 23:59:59 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(value: str | None, expected: float) -> None:
    assert seconds(value, NOW) == expected


def test_retry_after_is_a_least_wait() -> None:
    assert wait(1, DeliveryResponse(503, retry_after="100")) == 100
    assert wait(5, DeliveryResponse(503, retry_after="100")) == SCHEDULE[5]


def test_an_answer_is_kept_up_to_a_kilobyte_whatever_its_bytes() -> None:
    kept = attempt_of(DeliveryResponse(200, body=b"\xff" * 5000), NOW).response
    assert kept == "\ufffd" * 1024


def test_a_log_of_the_worst_answers_fits_into_its_row() -> None:
    for byte in (b"\x00", b"\x1b", b'"', b"\xff", b"\n"):
        worst = attempt_of(DeliveryResponse(500, body=byte * 2000, latency_ms=99_999), NOW)
        line = worst.model_dump_json(exclude_none=True).encode()
        assert len(line) * (MAX_ATTEMPTS + len(SCHEDULE)) < 390_000  # of DynamoDB's 400 KB


def test_what_is_put_off_comes_later_and_later_but_not_for_ever() -> None:
    assert postpone_seconds(0, 0, 60) == 1
    assert postpone_seconds(3, 0, 60) < postpone_seconds(3, 0.9, 60) < postpone_seconds(5, 0, 60)
    assert postpone_seconds(1000, 1, 60) == 60
