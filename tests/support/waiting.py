"""Waits for what another thread, process or service does."""

import time
from collections.abc import Callable
from typing import TypeVar

HANG_SECONDS = 300.0  # ends a hang; no test passes or fails by being faster or slower than its like
# A test may replace those of `time`.
_now, _sleep = time.monotonic, time.sleep
T = TypeVar("T")


def until(condition: Callable[[], T], what: Callable[[], object] | str = "") -> T:
    """Returns what `condition` gives once that is true; `what` names it, or shows the state, where it never is."""
    end = _now() + HANG_SECONDS
    while not (value := condition()):
        if _now() > end:
            raise AssertionError(f"not within {HANG_SECONDS:.0f} s: {what if isinstance(what, str) else what()}")
        _sleep(0.02)
    return value
