"""The time. No other module of the library reads a clock, so that a test can set all of them at one place."""

import time
from datetime import UTC, datetime, timedelta

from mediajobs.timestamps import rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds() -> int:
    """Milliseconds since 1970. All other functions but `monotonic` derive from it."""
    return time.time_ns() // 1_000_000


def seconds() -> int:
    """Whole seconds since 1970, the unit of DynamoDB's TTL attributes."""
    return milliseconds() // 1000


def utc_now() -> datetime:
    """The time as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds())


def now() -> str:
    """The time in RFC 3339, as table items and documents have it."""
    return rfc3339(utc_now())


def monotonic() -> float:
    """Seconds since an arbitrary moment, for durations and deadlines: changes of the system time do not affect it."""
    return time.monotonic()
