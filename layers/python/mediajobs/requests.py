"""What clients may send."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from mediajobs import tallies
from mediajobs.lazy import LazyModel
from mediajobs.life import RETRYABLE, Status
from mediajobs.listing import Filters
from mediajobs.options import Options
from mediajobs.patterns import Pattern

_METADATA_BYTES = 16 * 1024
LARGEST_SOURCE = 50 * 2**30  # bytes
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?")

_FROM = "Created then or later. RFC 3339; without an offset it is UTC, and a date alone is the day's beginning."
_TO = "Created then or earlier. RFC 3339; without an offset it is UTC, and a date alone is the day's end."
_PAGE = "Pages reach 10,000 jobs deep. Go on with `cursor` from there."
_CURSOR = "The `next_cursor` of a page: goes on where that ended, at any depth. Same key, filters and order."
_ORIGIN = "`failed_task` keeps what finished tasks made; `start` makes everything anew."
_SIZE = "In bytes. A source over 100 MB is uploaded in parts, for which its size must be known."
_SOURCE = "Where the service fetches the source itself: https, or s3 in a bucket that it may read."

_FILE_NAME = Pattern(r"^[^\x00-\x1f\x7f/\\]+$", "write it without slashes, backslashes and control characters")
_MEDIA_TYPE = Pattern(r"^[A-Za-z0-9_.+-]+/[A-Za-z0-9_.+-]+$", "write a media type, such as video/mp4")
_URL = Pattern(
    r"^(https?|s3)://[^\s/]+/\S*$",
    "write https://host/path or s3://bucket/key, without spaces (a space in it is %20)",
)

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


def _listed(value: Any) -> Any:
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


class CreateJob(Body):
    """`POST /jobs`. With `source_url` nothing is uploaded: the service fetches the source itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"filename": "talk.mp4", "size_bytes": 73_400_320, "content_type": "video/mp4", "priority": 8},
                {"filename": "talk.mp4", "source_url": "https://example.com/talk.mp4", "batch_id": "2026-11"},
            ]
        }
    )

    filename: Annotated[Name, Field(description="What downloads are called after.")]
    size_bytes: Annotated[int, Field(strict=True, ge=0, le=LARGEST_SOURCE, description=_SIZE), WHOLE] | None = None
    content_type: Annotated[str, Field(max_length=127), _MEDIA_TYPE] | None = None
    source_url: Annotated[str, Field(max_length=2048, description=_SOURCE), _URL] | None = None
    priority: Priority = 5
    batch_id: BatchId | None = None
    user_metadata: Annotated[dict[str, Any], Field(description="Yours to keep; at most 16 KiB as JSON.")] | None = None
    options: Options = Options()

    @field_validator("user_metadata")
    @classmethod
    def _metadata_is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            written = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except ValueError as error:
            raise ValueError("NaN and Infinity are no JSON; write null, or a string") from error
        if len(written) > _METADATA_BYTES:
            raise ValueError("it may have at most 16 KiB as JSON")
        return value


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


class UsageDays(Span):
    """`GET /usage`: whole days in UTC, both included."""

    from_date: Annotated[
        Moment | None,
        Field(description="The first day; by default the 30th before the end.", examples=["2026-11-01"]),
    ] = None
    to_date: Annotated[Moment | None, Field(description="The last day; by default today.", examples=["2026-11-30"])] = (
        None
    )


class JobFilters(Span):
    """Which jobs are meant. `status` may be repeated; `search` is a part of the file name, in any case."""

    status: Annotated[list[Status], BeforeValidator(_listed), Field(description="Any of these; may be repeated.")] = []
    priority: Annotated[int | None, Field(ge=1, le=10, description="Exactly this priority.")] = None
    search: Annotated[
        str | None, Field(min_length=1, max_length=255, description="A part of the file name, in any case.")
    ] = None
    batch_id: BatchId | None = None

    @property
    def filters(self) -> Filters:
        return Filters(
            statuses=tuple(dict.fromkeys(self.status)),
            priority=self.priority,
            batch_id=self.batch_id,
            search=self.search,
            first_moment=tallies.milliseconds_up(self.from_date) if self.from_date else None,
            last_moment=tallies.milliseconds(self.to_date) if self.to_date else None,
        )


class OrderedJobs(JobFilters):
    """The same, in an order."""

    sort_by: Annotated[
        Literal["created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status"],
        Field(description="What decides the order."),
    ] = "created_at"
    sort_order: Annotated[Literal["asc", "desc"], Field(description="Rising or falling.")] = "desc"


class Paged(Body):
    """Which page. `cursor` goes on where one ended."""

    page: Annotated[int, Field(ge=1, description=_PAGE)] = 1
    per_page: Annotated[int, Field(ge=1, le=500, description="Jobs on a page.")] = 100
    cursor: Annotated[str | None, Field(max_length=2048, description=_CURSOR)] = None


class ListJobs(OrderedJobs, Paged):
    """`GET /jobs`. `cursor` goes on where a page ended."""


Form = Literal["csv", "json"]


class ExportJobs(OrderedJobs):
    """`GET /jobs/export`."""

    format: Annotated[Form, Field(description="A table, or the list's own documents.")] = "csv"


class UploadedPart(Body):
    part_number: Annotated[int, Field(strict=True, ge=1, le=10_000), WHOLE]
    etag: Annotated[str, Field(min_length=1, max_length=128, description="As S3 answered the part's PUT.")]


class RetryJob(Body):
    """`POST /jobs/{id}/retry`: from the task that failed, or everything anew."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "failed_task"}]})

    origin: Annotated[Literal["failed_task", "start"], Field(alias="from", description=_ORIGIN)] = "failed_task"

    @model_validator(mode="before")
    @classmethod
    def _known_by_its_alias_alone(cls, value: Any) -> Any:
        """As an object of Python: in JSON, pydantic takes `origin` for no unknown field, and drops it unread."""
        return value


class RetryFilter(JobFilters):
    """Which failed and cancelled jobs are meant; without any wish, all of them."""

    status: Annotated[
        list[Status],
        BeforeValidator(_listed),
        Field(description="One of these or both; without any, both."),
        WithJsonSchema({"type": "array", "items": {"type": "string", "enum": sorted(RETRYABLE)}}),
    ] = []
    priority: Priority | None = None

    @field_validator("status")
    @classmethod
    def _can_be_retried(cls, value: list[Status]) -> list[Status]:
        if not RETRYABLE.issuperset(value):
            raise ValueError("only jobs that are failed or cancelled can be retried")
        return value


class RetryJobs(RetryJob):
    """`POST /jobs/retry`. `filter` has to be there; `{}` means every job that can be retried."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"status": ["failed"], "from_date": "2026-11-01"}}]}
    )

    filter: RetryFilter


class ChangePriority(Body):
    """`PATCH /jobs/{id}/priority`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": 10}]})

    priority: Priority


class DeleteJob(Body):
    """The query of `DELETE /jobs/{id}`."""

    delete_files: Annotated[bool, Field(description="Its source and its outputs too.")] = True


class BatchStatus(Body):
    """`POST /jobs/batch-status`. An id may come twice; it is answered twice."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"job_ids": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}]})

    job_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=1000)]


class CompleteUpload(Body):
    """`POST /jobs/{id}/upload/complete`: the parts, as S3 acknowledged them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"parts": [{"part_number": 1, "etag": '"9b2cf535f27731c974343645a3985328"'}]}]}
    )

    parts: Annotated[list[UploadedPart], Field(min_length=1, max_length=10_000)]


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
