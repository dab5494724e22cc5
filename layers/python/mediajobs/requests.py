"""What clients may send."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from mediajobs import tallies
from mediajobs.lazy import LazyModel
from mediajobs.life import RETRYABLE, Status
from mediajobs.listing import Filters
from mediajobs.options import Options

_METADATA_BYTES = 16 * 1024
LARGEST_SOURCE = 50 * 2**30  # bytes

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f/\\]+$")]
Priority = Annotated[int, Field(strict=True, ge=1, le=10)]


def _listed(value: Any) -> Any:
    """A parameter that may be repeated is a list also when it is not."""
    return [value] if isinstance(value, str) else value


class _Body(LazyModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CreateJob(_Body):
    """`POST /jobs`. With `source_url` nothing is uploaded: the service fetches the source itself."""

    filename: Name
    size_bytes: Annotated[int, Field(strict=True, ge=0, le=LARGEST_SOURCE)] | None = None
    content_type: Annotated[str, Field(max_length=127, pattern=r"^[\w.+-]+/[\w.+-]+$")] | None = None
    source_url: Annotated[str, Field(max_length=2048, pattern=r"^(https?|s3)://[^\s/]+/\S*$")] | None = None
    priority: Priority = 5
    batch_id: Annotated[str, Field(pattern=r"^[\w.:-]{1,64}$")] | None = None
    user_metadata: dict[str, Any] | None = None
    options: Options = Options()

    @field_validator("user_metadata")
    @classmethod
    def _metadata_is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and len(json.dumps(value, allow_nan=False)) > _METADATA_BYTES:
            raise ValueError("user_metadata may have at most 16 KiB as JSON")
        return value


class Span(_Body):
    """Jobs created from `from_date` to `to_date`, both included; each may be left open.

    RFC 3339; without an offset it is UTC, and a date alone is the whole day.
    """

    from_date: datetime | None = None
    to_date: datetime | None = None

    @field_validator("from_date", mode="before")
    @classmethod
    def _from_the_days_beginning(cls, value: Any) -> Any:
        return f"{value}T00:00:00Z" if _is_day(value) else value

    @field_validator("to_date", mode="before")
    @classmethod
    def _to_the_days_end(cls, value: Any) -> Any:
        return f"{value}T23:59:59.999Z" if _is_day(value) else value

    @field_validator("from_date", "to_date")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class JobFilters(Span):
    """Which jobs are meant. `status` may be repeated; `search` is a part of the file name, in any case."""

    status: Annotated[list[Status], BeforeValidator(_listed)] = Field([])
    priority: Annotated[int, Field(ge=1, le=10)] | None = None
    search: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    batch_id: Annotated[str, Field(pattern=r"^[\w.:-]{1,64}$")] | None = None

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

    sort_by: Literal[
        "created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status"
    ] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"


class ListJobs(OrderedJobs):
    """`GET /jobs`. `cursor` goes on where a page ended."""

    page: Annotated[int, Field(ge=1)] = 1
    per_page: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=2048)] | None = None


Form = Literal["csv", "json"]


class ExportJobs(OrderedJobs):
    """`GET /jobs/export`."""

    format: Form = "csv"


class UploadedPart(_Body):
    part_number: Annotated[int, Field(ge=1, le=10_000)]
    etag: Annotated[str, Field(min_length=1, max_length=128)]


class RetryJob(_Body):
    """`POST /jobs/{id}/retry`: from the task that failed, or everything anew."""

    origin: Annotated[Literal["failed_task", "start"], Field(alias="from")] = "failed_task"


class RetryFilter(JobFilters):
    """Which failed and cancelled jobs are meant; without any wish, all of them."""

    @field_validator("status")
    @classmethod
    def _can_be_retried(cls, value: list[Status]) -> list[Status]:
        if not RETRYABLE.issuperset(value):
            raise ValueError("only jobs that are failed or cancelled can be retried")
        return value


class RetryJobs(RetryJob):
    """`POST /jobs/retry`. `filter` has to be there; `{}` means every job that can be retried."""

    filter: RetryFilter


class ChangePriority(_Body):
    """`PATCH /jobs/{id}/priority`."""

    priority: Priority


class DeleteJob(_Body):
    """The query of `DELETE /jobs/{id}`."""

    delete_files: bool = True


class BatchStatus(_Body):
    """`POST /jobs/batch-status`. An id may come twice; it is answered twice."""

    job_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=1000)]


class CompleteUpload(_Body):
    """`POST /jobs/{id}/upload/complete`: the parts, as S3 acknowledged them."""

    parts: Annotated[list[UploadedPart], Field(min_length=1, max_length=10_000)]


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None
