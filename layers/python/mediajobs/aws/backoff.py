"""Pauses between tries: exponential backoff with jitter."""

import random
import time
from collections.abc import Iterator

_FIRST_PAUSE = 0.01  # seconds
_MAX_PAUSE = 0.5  # seconds


def attempts(count: int, *, first_pause: float = _FIRST_PAUSE, max_pause: float = _MAX_PAUSE) -> Iterator[int]:
    """Yields 0 to `count` - 1, and pauses before each but the first: exponential backoff with jitter.

    A pause is a random share, from half to all, of `first_pause` times a power of 2, at most `max_pause` seconds. The
    jitter keeps those that collided once from colliding again.
    """
    for number in range(count):
        if number:
            longest = min(first_pause * 2 ** (number - 1), max_pause)
            time.sleep(random.uniform(0.5, 1) * longest)  # noqa: S311 - no secret
        yield number
