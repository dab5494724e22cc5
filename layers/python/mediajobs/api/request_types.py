"""Types of values that requests of several packages have in common."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from mediajobs.api.size_limits import check_field_count
from mediajobs.api.string_formats import Pattern
from mediajobs.base_model import LazyModel

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?")
_FROM = "Created then or later. RFC 3339; without an offset it is UTC, and a date alone is the day's beginning."
_TO = "Created then or earlier. RFC 3339; without an offset it is UTC, and a date alone is the day's end."
_PAGE = "Pages reach 10,000 jobs deep. Continue with `cursor` from there."
_CURSOR = "The `next_cursor` of a page: continues after that page, at any depth. Same key, filters and order."
_FILE_NAME = Pattern(r"^[^\x00-\x1f\x7f/\\]+$", "write it without slashes, backslashes and control characters")
Name = Annotated[str, StringConstraints(min_length=1, max_length=255), _FILE_NAME]


def _whole(value: Any) -> Any:
    """Accepts 5.0 as 5, because JSON has one kind of number. A string is not accepted as a number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Priority = Annotated[int, Field(strict=True, ge=1, le=10, description="From 1, low, to 10, high."), WHOLE]
BATCH_ID = r"^\.{0,2}[\w:-][\w.:-]{0,61}$"  # . and .. cannot be segments of a path
BatchId = Annotated[
    str,
    Field(description="The same for all jobs of a batch.", examples=["2026-11"]),
    Pattern(BATCH_ID, "use 1 to 64 letters, digits, dots, colons, hyphens and underscores, and not dots alone"),
]


def as_list(value: Any) -> Any:
    """Returns a list for a parameter that may be repeated and was sent once."""
    return [value] if isinstance(value, str) else value


def _check_moment_format(value: Any) -> Any:
    """Accepts RFC 3339 and dates alone. Pydantic would also accept bare numbers."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise ValueError("write it as 2026-11-23, or as 2026-11-23T15:04:05Z")
    return value


Moment = Annotated[
    datetime,
    BeforeValidator(_check_moment_format),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}),
]


class Body(LazyModel):
    """A request's body or query, or an object in it. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_unknown_fields(cls, value: Any) -> Any:
        """Also has the body validated as a Python object: in JSON, pydantic ignores the name of a field that has an
        alias."""
        return check_field_count(value, len(cls.model_fields))


class Span(Body):
    """Jobs created from `from_date` to `to_date`, both included. Either may be omitted.

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
    """Selects a page, by number or by the cursor of the page before."""

    page: Annotated[int, Field(ge=1, description=_PAGE)] = 1
    per_page: Annotated[int, Field(ge=1, le=500, description="Jobs on a page.")] = 100
    cursor: Annotated[str | None, Field(max_length=2048, description=_CURSOR)] = None


def days_beginning(value: Any) -> Any:
    """Returns the first moment of a date without a time; other values unchanged."""
    return f"{value}T00:00:00Z" if _is_day(value) else value


def in_utc(value: datetime) -> datetime:
    """Returns the moment in UTC, which one without an offset is taken for. Raises ValueError."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC it lies outside the years 1 to 9999") from error


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None
