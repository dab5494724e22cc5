"""The window of a rate limit, and what its headers promise."""

from hypothesis import given
from hypothesis import strategies as st

from mediajobs.accounts import rate_limits
from mediajobs.accounts.rate_limits import Window

moments = st.integers(0, 10**13)
waits = st.integers(0, rate_limits.WINDOW_SECONDS * 1000 - 1)


def row(began: int, used: int = 1, limit: int = 5) -> dict[str, str]:
    """As DynamoDB gives it: numbers are strings."""
    return {"window_ends": str(rate_limits.ends(began)), "window_used": str(used), "requests_per_minute": str(limit)}


def test_the_headers_are_those_of_the_draft() -> None:
    assert rate_limits.headers(Window(limit=100, used=50, resets_in=30)) == {
        "RateLimit-Policy": '"default";q=100;w=60',
        "RateLimit": '"default";r=50;t=30',
    }


@given(began=moments, wait=waits)
def test_after_t_seconds_and_not_much_before_a_new_window_begins(began: int, wait: int) -> None:
    seen = rate_limits.window(row(began), began + wait)
    assert 1 <= seen.resets_in <= rate_limits.WINDOW_SECONDS
    assert rate_limits.is_over(row(began), began + wait + seen.resets_in * 1000)
    assert not rate_limits.is_over(row(began), began + wait)
    assert not rate_limits.is_over(row(began), began + wait + (seen.resets_in - 1) * 1000 - 1)


@given(began=moments, ahead=st.integers(1, 10**6))
def test_a_clock_that_is_behind_never_promises_more_than_a_window(began: int, ahead: int) -> None:
    assert rate_limits.window(row(began + ahead), began).resets_in <= rate_limits.WINDOW_SECONDS


def test_a_key_that_was_never_used_is_between_windows() -> None:
    assert rate_limits.is_over({}, 0)


def test_what_is_left_is_never_negative() -> None:
    assert rate_limits.window(row(0, used=7, limit=5), 1).left == 0  # the limit was lowered within the window
