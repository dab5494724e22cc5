"""What clients may send."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, field_validator

from mediajobs.api.string_formats import Pattern
from mediajobs.base_model import LazyModel

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?")
_FROM = "Created then or later. RFC 3339; without an offset it is UTC, and a date alone is the day's beginning."
_TO = "Created then or earlier. RFC 3339; without an offset it is UTC, and a date alone is the day's end."
_PAGE = "Pages reach 10,000 jobs deep. Go on with `cursor` from there."
_CURSOR = "The `next_cursor` of a page: goes on where that ended, at any depth. Same key, filters and order."
_FILE_NAME = Pattern(r"^[^\x00-\x1f\x7f/\\]+$", "write it without slashes, backslashes and control characters")
Name = Annotated[str, StringConstraints(min_length=1, max_length=255), _FILE_NAME]


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is 5. A string is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Priority = Annotated[int, Field(strict=True, ge=1, le=10, description="From 1, low, to 10, high."), WHOLE]
BATCH_ID = r"^\.{0,2}[\w:-][\w.:-]{0,61}$"  # . and .. are no part of a path
BatchId = Annotated[
    str,
    Field(description="Jobs that belong together have the same.", examples=["2026-11"]),
    Pattern(BATCH_ID, "use 1 to 64 letters, digits, dots, colons, hyphens and underscores, and not dots alone"),
]


def as_list(value: Any) -> Any:
    """A parameter that may be repeated is a list also when it is not."""
    return [value] if isinstance(value, str) else value


def _written(value: Any) -> Any:
    """RFC 3339, or a day: a bare number is no moment, though pydantic takes it for one."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise ValueError("write it as 2026-11-23, or as 2026-11-23T15:04:05Z")
    return value


Moment = Annotated[
    datetime,
    BeforeValidator(_written),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}),
]


class Body(LazyModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(Body):
    """Jobs created from `from_date` to `to_date`, both included; each may be left open.

    RFC 3339; without an offset it is UTC, and a date alone is the whole day.
    """

    from_date: Annotated[Moment | None, Field(description=_FROM, examples=["2026-11-01"])] = None
    to_date: Annotated[Moment | None, Field(description=_TO, examples=["2026-11-30T12:00:00Z"])] = None

    @field_validator("from_date", mode="before")
    @classmethod
    def _from_the_days_beginning(cls, value: Any) -> Any:
        return days_beginning(value)

    @field_validator("to_date", mode="before")
    @classmethod
    def _to_the_days_end(cls, value: Any) -> Any:
        return f"{value}T23:59:59.999Z" if _is_day(value) else value

    @field_validator("from_date", "to_date")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return None if value is None else in_utc(value)


class Paged(Body):
    """Which page. `cursor` goes on where one ended."""

    page: Annotated[int, Field(ge=1, description=_PAGE)] = 1
    per_page: Annotated[int, Field(ge=1, le=500, description="Jobs on a page.")] = 100
    cursor: Annotated[str | None, Field(max_length=2048, description=_CURSOR)] = None


def days_beginning(value: Any) -> Any:
    """A date alone as the moment at which it begins."""
    return f"{value}T00:00:00Z" if _is_day(value) else value


def in_utc(value: datetime) -> datetime:
    """Raises ValueError."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC it lies outside the years 1 to 9999") from error


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None
