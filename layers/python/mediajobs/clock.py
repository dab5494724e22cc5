"""The time. Nothing else in the library asks for it, so that a test can turn every clock at once."""

import time
from datetime import UTC, datetime, timedelta

from mediajobs.timestamps import rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds() -> int:
    """Milliseconds since 1970. All others but `monotonic` follow from it."""
    return time.time_ns() // 1_000_000


def seconds() -> int:
    """Whole seconds since 1970, as DynamoDB's TTL has them."""
    return milliseconds() // 1000


def utc_now() -> datetime:
    """An aware datetime."""
    return _EPOCH + timedelta(milliseconds=milliseconds())


def now() -> str:
    """RFC 3339, as table items and clients have it."""
    return rfc3339(utc_now())


def monotonic() -> float:
    """Seconds since an unknown moment, for durations and deadlines."""
    return time.monotonic()
