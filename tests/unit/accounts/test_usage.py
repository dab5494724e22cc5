"""Usage and quotas as documents and sums."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.accounts import quotas, schemas, usage
from mediajobs.accounts.quotas import Quotas
from mediajobs.accounts.usage import Day
from mediajobs.errors import QuotaExceeded

moments = st.integers(0, 221_845_392_000_000)  # until the year 9000


def milliseconds(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


def test_a_counter_is_of_a_route_and_a_class() -> None:
    asked = usage.counter("GET /jobs/{job_id}", 200)
    assert asked == "u2#GET /jobs/{job_id}"
    assert usage.counter_for(asked, 201) == asked
    assert usage.counter_for(asked, 503) == "u5#GET /jobs/{job_id}"
    assert usage.is_counter(asked)
    assert not any(map(usage.is_counter, ("", "u", "day", "updated", "window_used", "key_id")))


def test_days_are_in_order_and_empty_ones_are_left_out() -> None:
    days = [
        Day("2026-11-02", {"u2#GET /b": 2, "u4#GET /b": 1, "u2#GET /a": 4, "u5#GET /a": 0}),
        Day("2026-11-03", {"u2#GET /a": 0}),
        Day("2026-11-01", {"u3#GET /c": 1}),
    ]
    told = schemas.requests_document(days)
    assert told.total == 8
    assert [day.date for day in told.by_day] == ["2026-11-01", "2026-11-02"]
    assert told.by_day[1].by_route == {"GET /a": {"2xx": 4}, "GET /b": {"2xx": 2, "4xx": 1}}
    assert told.by_day[1].by_status_class == {"2xx": 6, "4xx": 1}


@given(moment=moments)
def test_a_moment_lies_in_its_month_and_day(moment: int) -> None:
    month = quotas.month_of(moment)
    assert month.first <= moment <= month.last
    assert quotas.month_of(month.first).name == quotas.month_of(month.last).name == month.name
    assert quotas.month_of(month.last + 1).name != month.name
    assert usage.date_of(moment) == datetime.fromtimestamp(moment // 1000, UTC).date().isoformat()


@pytest.mark.parametrize(("moment", "day"), [(-(10**18), "1970-01-01"), (10**18, "9999-12-31")])
def test_days_out_of_reach_are_the_first_and_the_last(moment: int, day: str) -> None:
    assert usage.date_of(moment) == day


@given(limit=st.integers(1, 10), used=st.integers(0, 20))
def test_concurrency_leaves_room_for_exactly_its_number(limit: int, used: int) -> None:
    if used < limit:
        quotas.check_concurrency(Quotas(concurrent_jobs=limit), used)
        return
    with pytest.raises(QuotaExceeded) as refusal:
        quotas.check_concurrency(Quotas(concurrent_jobs=limit), used)
    assert (refusal.value.policy, refusal.value.retry_after) == ("concurrent-jobs", 30)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [(milliseconds(2026, 12, 31, 23, 59, 59), 1), (milliseconds(2026, 2, 1), 28 * 86_400)],
)
def test_minutes_come_back_when_the_month_is_over(moment: int, seconds: int) -> None:
    quotas.check_minutes(Quotas(minutes_per_month=2), {"media_ms": 119_999}, moment)
    with pytest.raises(QuotaExceeded) as refusal:
        quotas.check_minutes(Quotas(minutes_per_month=2), {"media_ms": 120_000}, moment)
    assert (refusal.value.policy, refusal.value.retry_after) == ("minutes-per-month", seconds)


@given(stored=st.integers(0, 100), announced=st.integers(0, 100))
def test_what_is_announced_has_to_fit(stored: int, announced: int) -> None:
    if stored + announced <= 50 and stored < 50:
        quotas.check_bytes(Quotas(stored_bytes=50), stored, announced)
        return
    with pytest.raises(QuotaExceeded, match="Delete") as refusal:
        quotas.check_bytes(Quotas(stored_bytes=50), stored, announced)
    assert (refusal.value.policy, refusal.value.retry_after) == ("stored-bytes", None)


def test_no_quota_is_no_limit() -> None:
    quotas.check_concurrency(Quotas(), 10**6)
    quotas.check_minutes(Quotas(), {"media_ms": 10**12}, 0)
    quotas.check_bytes(Quotas(), 10**15, 10**12)
