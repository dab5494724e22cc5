"""Deadlines of requests. The API gateway gives up after 29 seconds."""

from collections.abc import Callable

from mediajobs import clock


def has_time(seconds: float) -> Callable[[], bool]:
    """Returns a function that says whether `seconds` have not passed since this call."""
    end = clock.monotonic() + seconds
    return lambda: clock.monotonic() < end
