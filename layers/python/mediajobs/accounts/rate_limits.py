"""Rate limits: so many requests in a window, which begins with a request and lasts a minute.

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
    """A key's present window: `used` of `limit` requests, and the whole seconds until it begins anew, at least 1."""

    limit: int
    used: int
    resets_in: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


class RateLimitExceeded(Exception):
    """The window is full. A request that is refused is not counted."""

    def __init__(self, window: Window) -> None:
        super().__init__(f"{window.limit} requests in {WINDOW_SECONDS} s are used up; again in {window.resets_in} s")
        self.window = window


def window(row: Mapping[str, Any], now: int) -> Window:
    """Of a key's row, in which `window_ends` is in milliseconds, like `now`."""
    resets_in = -(-(int(row["window_ends"]) - now) // 1000)
    # Clocks differ a little: whoever began the window may be ahead of this one.
    shown = max(1, min(WINDOW_SECONDS, resets_in))
    return Window(limit=int(row["requests_per_minute"]), used=int(row["window_used"]), resets_in=shown)


def ends(now: int) -> int:
    """When a window that begins now will be over."""
    return now + WINDOW_SECONDS * 1000


def is_over(row: Mapping[str, Any], now: int) -> bool:
    """Whether the next request begins a new window. True as well for a key that was never used."""
    return int(row.get("window_ends") or 0) <= now


def is_full(row: Mapping[str, Any]) -> bool:
    """Whether the present window has no room."""
    return int(row["window_used"]) >= int(row["requests_per_minute"])


def headers(present: Window) -> dict[str, str]:
    """What an answer says about it; `Retry-After` is for a refused one alone."""
    return {
        "RateLimit-Policy": f'"{POLICY}";q={present.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{POLICY}";r={present.left};t={present.resets_in}',
    }
