"""Rate limits: a number of requests in a window, which begins with a request and lasts a minute.

The headers are those of draft-ietf-httpapi-ratelimit-headers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_LIMIT = 100
WINDOW_SECONDS = 60
POLICY = "default"


@dataclass(frozen=True)
class Window:
    """A key's present window: `used` of `limit` requests, and the whole seconds until the next window, at least 1."""

    limit: int
    used: int
    resets_in: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


class RateLimitExceeded(Exception):
    """The window of a key of `account` is full. Refused requests are not counted."""

    def __init__(self, window: Window, account: str) -> None:
        super().__init__(f"{window.limit} requests in {WINDOW_SECONDS} s are used up; again in {window.resets_in} s")
        self.window, self.account = window, account


def window(row: Mapping[str, Any], now: int) -> Window:
    """Returns the window of a key's row. `window_ends` and `now` are in ms since 1970."""
    resets_in = -(-(int(row["window_ends"]) - now) // 1000)
    # Clocks differ a little: the process that began the window may be ahead of this one.
    shown = max(1, min(WINDOW_SECONDS, resets_in))
    return Window(limit=int(row["requests_per_minute"]), used=int(row["window_used"]), resets_in=shown)


def ends(now: int) -> int:
    """Returns when a window that begins now will end, in ms since 1970."""
    return now + WINDOW_SECONDS * 1000


def is_over(row: Mapping[str, Any], now: int) -> bool:
    """Returns whether the next request begins a new window. True for a key that was never used, too."""
    return int(row.get("window_ends") or 0) <= now


def is_full(row: Mapping[str, Any]) -> bool:
    """Returns whether the present window allows no more requests."""
    return int(row["window_used"]) >= int(row["requests_per_minute"])


def headers(present: Window) -> dict[str, str]:
    """Returns the headers of an answer. A refused request also gets `Retry-After`, which is not among them."""
    return {
        "RateLimit-Policy": f'"{POLICY}";q={present.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{POLICY}";r={present.left};t={present.resets_in}',
    }
