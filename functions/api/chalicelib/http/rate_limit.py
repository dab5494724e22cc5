"""The caller's rate limit: counted once a request, and stated in the headers of every answer. Also used-up quotas."""

from contextvars import ContextVar
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.http import request_log
from chalicelib.http.credentials import Credential
from chalicelib.http.problems import Problem
from chalicelib.http.routes import Route
from mediajobs.accounts import rate_limits, usage, usage_store
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.rate_limits import RateLimitExceeded, Window
from mediajobs.errors import Contention, QuotaExceeded

# Registered by the draft that defines the headers.
_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"

_window: ContextVar[Window | None] = ContextVar("window", default=None)
_counted: ContextVar[tuple[Caller, str] | None] = ContextVar("counted", default=None)


def begin() -> None:
    """Clears the state of the request before. Called before every request."""
    _window.set(None)
    _counted.set(None)


def admit(credential: Credential, route: Route) -> Caller:
    """Counts a request with this credential, under the status class that the route declares.

    Raises Problem(401), and Problem(429) over the limit.
    """
    counter = usage.counter(f"{route.method} {route.path}", _expected_status(route))
    request_log.note_key(credential.key_id)
    try:
        caller = credential.authenticate(counter)
    except RateLimitExceeded as error:
        request_log.note_account(error.account)
        _window.set(error.window)
        raise _exceeded(error.window) from error
    request_log.note_account(caller.account)
    _window.set(caller.window)
    _counted.set((caller, counter))
    return caller


def settle(status: int) -> bool:
    """Moves the count of the present request where its status is of another class than expected.

    Returns False where that failed; the answer is sent all the same.
    """
    counted = _counted.get()
    if counted is None:
        return True
    caller, counter = counted
    right = usage.counter_for(counter, status)
    if right == counter:
        return True
    try:
        usage_store.correct(caller.key_id, caller.today.date, counter, right)
    except (BotoCoreError, ClientError, Contention):
        return False
    return True


def headers() -> dict[str, str]:
    """Returns the headers for the present answer; none where no key was accepted."""
    window = _window.get()
    return rate_limits.headers(window) if window else {}


def over_quota(error: QuotaExceeded) -> Problem:
    """429 where waiting helps, 403 where it does not."""
    waiting_helps = error.retry_after is not None
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS if waiting_helps else HTTPStatus.FORBIDDEN,
        str(error),
        type=_TYPE,
        violated_policies=[error.policy],
        headers={"Retry-After": str(error.retry_after)} if waiting_helps else None,
    )


def _expected_status(route: Route) -> int:
    """The lowest status below 400 that the route declares: a request is counted before its answer is known."""
    return min(status.value for status in route.answers if status < HTTPStatus.BAD_REQUEST)


def _exceeded(window: Window) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"This key's {window.limit} requests in {rate_limits.WINDOW_SECONDS} seconds are used up. "
        f"Try again in {window.resets_in} seconds, or ask for a higher limit.",
        type=_TYPE,
        violated_policies=[rate_limits.POLICY],
        headers={"Retry-After": str(window.resets_in)},
    )
