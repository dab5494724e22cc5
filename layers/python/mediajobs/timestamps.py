"""Times as clients see them: RFC 3339 in UTC, milliseconds, `Z`."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def of_milliseconds(moment: int) -> str | None:
    """A moment in ms since 1970; None where its year cannot be written."""
    try:
        return rfc3339(_EPOCH + timedelta(milliseconds=moment))
    except OverflowError:
        return None


def milliseconds(moment: datetime) -> int:
    """Since 1970, rounded down; of an aware datetime."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def milliseconds_rounded_up(moment: datetime) -> int:
    """The same, rounded up: the first millisecond that is not before the moment."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))
