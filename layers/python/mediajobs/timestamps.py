"""Conversions of times: to and from RFC 3339 as documents have it (UTC, milliseconds, `Z`), and ms since 1970."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    return datetime.fromisoformat(text)


def from_milliseconds(moment: int) -> str | None:
    """Returns a moment in ms since 1970 as RFC 3339; None where its year is beyond 9999 or before 1."""
    try:
        return rfc3339(_EPOCH + timedelta(milliseconds=moment))
    except OverflowError:
        return None


def to_milliseconds(moment: datetime) -> int:
    """Returns an aware datetime as ms since 1970, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_milliseconds_rounded_up(moment: datetime) -> int:
    """Returns an aware datetime as ms since 1970, rounded up: the first millisecond that is not before it."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))
