"""Requests and documents of lists and batches."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from mediajobs import timestamps
from mediajobs.api.request_types import BatchId, Body, Paged, Span, as_list
from mediajobs.api.size_limits import AtMost
from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.schemas import JobBrief
from mediajobs.listing.index_plan import Filters


class JobFilters(Span):
    """Which jobs a request is about. `status` may be repeated; `search` is a part of the file name, in any case."""

    status: Annotated[
        list[Status],
        AtMost(len(Status)),
        BeforeValidator(as_list),
        Field(description="Any of these; may be repeated."),
    ] = []
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
            first_moment=timestamps.to_milliseconds_rounded_up(self.from_date) if self.from_date else None,
            last_moment=timestamps.to_milliseconds(self.to_date) if self.to_date else None,
        )


class OrderedJobs(JobFilters):
    """Filters and an order."""

    sort_by: Annotated[
        Literal["created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status"],
        Field(description="What decides the order."),
    ] = "created_at"
    sort_order: Annotated[Literal["asc", "desc"], Field(description="Rising or falling.")] = "desc"


class ListJobs(OrderedJobs, Paged):
    """`GET /jobs`. `cursor` continues where a page ended."""


class BatchStatus(Body):
    """`POST /jobs/batch-status`. An id may come twice; then it has two entries in the answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"job_ids": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}]})

    job_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1), AtMost(1000)]


class ListedJob(LazyModel):
    """A job in a list. `progress` is of the whole job, in percent."""

    job_id: str
    status: Status
    priority: int
    filename: str
    duration_seconds: float | None
    batch_id: str | None
    created_at: str
    updated_at: str
    completed_at: str | None
    progress: int


class JobList(LazyModel):
    """`total_relation`: `eq`, or `gte` where counting stopped before the end."""

    total: int
    total_relation: Literal["eq", "gte"]
    page: int
    per_page: int
    total_pages: int
    jobs: list[ListedJob]
    next_cursor: str | None


class Batch(LazyModel):
    """A batch. `overall_progress` is the mean over its jobs, where failed and cancelled jobs count as 0. `eta_seconds`
    is the time until no job of it waits or runs any more, if every upload came now; null where it is not known yet."""

    batch_id: str
    total: int
    status_breakdown: dict[Status, int]
    overall_progress: int
    eta_seconds: int | None
    eta_range: tuple[int, int] | None
    jobs: list[ListedJob]
    page: int
    per_page: int
    total_pages: int
    next_cursor: str | None


class MissingJob(LazyModel):
    job_id: str
    error: Literal["not_found", "forbidden"]


class BatchStatusDocument(LazyModel):
    """One entry for each id, in the order of the request."""

    jobs: list[JobBrief | MissingJob]
