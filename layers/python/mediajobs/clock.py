"""What time it is, for whatever the stores write and compare."""

import time
from datetime import UTC, datetime

from mediajobs.timestamps import rfc3339


def now() -> str:
    """RFC 3339, as rows and clients have it."""
    return rfc3339(datetime.now(UTC))


def milliseconds() -> int:
    """Since 1970."""
    return time.time_ns() // 1_000_000
