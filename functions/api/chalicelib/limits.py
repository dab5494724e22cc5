"""The caller's rate limit: counted once a request, told on every answer."""

from contextvars import ContextVar
from http import HTTPStatus

from chalicelib.problems import Problem
from mediajobs import limits
from mediajobs.limits import QuotaExceeded, Window
from mediajobs.stores import keys
from mediajobs.stores.keys import Caller

# Registered by the draft that defines the headers.
_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"

_window: ContextVar[Window | None] = ContextVar("window", default=None)


def begin() -> None:
    """Before every request: nobody has been counted yet."""
    _window.set(None)


def admit(key: str) -> Caller | None:
    """Counts a request of this key. None for a key that opens nothing. Raises Problem(429)."""
    try:
        caller = keys.authenticate(key)
    except QuotaExceeded as error:
        _window.set(error.window)
        raise _exceeded(error.window) from error
    _window.set(caller.window if caller else None)
    return caller


def headers() -> dict[str, str]:
    """For the present answer; none where no key was accepted."""
    window = _window.get()
    return limits.headers(window) if window else {}


def _exceeded(window: Window) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"This key's {window.limit} requests in {limits.WINDOW_SECONDS} seconds are used up. "
        f"Try again in {window.resets_in} seconds, or ask for a higher limit.",
        type=_TYPE,
        violated_policies=[limits.POLICY],
        headers={"Retry-After": str(window.resets_in)},
    )
