"""Requests and documents of the commands on jobs."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from mediajobs.api.request_types import Body, Priority, as_list
from mediajobs.api.size_limits import AtMost
from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.jobs.schemas import JobStatus
from mediajobs.listing.schemas import JobFilters

_ORIGIN = "`failed_task` keeps the outputs of completed tasks; `start` makes everything again."


class RetryJob(Body):
    """`POST /jobs/{id}/retry`: from the task that failed, or everything again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "failed_task"}]})

    origin: Annotated[Literal["failed_task", "start"], Field(alias="from", description=_ORIGIN)] = "failed_task"


class RetryFilter(JobFilters):
    """Selects failed and cancelled jobs; without any filter, all of them."""

    status: Annotated[
        list[Status],
        AtMost(len(RETRYABLE)),
        BeforeValidator(as_list),
        Field(description="One of these or both; by default both."),
        WithJsonSchema(
            {"type": "array", "items": {"type": "string", "enum": sorted(RETRYABLE)}, "maxItems": len(RETRYABLE)}
        ),
    ] = []
    priority: Priority | None = None

    @field_validator("status")
    @classmethod
    def _can_be_retried(cls, value: list[Status]) -> list[Status]:
        if not RETRYABLE.issuperset(value):
            raise ValueError("only jobs that are failed or cancelled can be retried")
        return value


class RetryJobs(RetryJob):
    """`POST /jobs/retry`. `filter` is required; `{}` selects every job that can be retried."""

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

    delete_files: Annotated[bool, Field(description="Whether to delete its source and its outputs too.")] = True


class CancelledJob(JobStatus):
    message: str


class RetriedJob(JobStatus):
    attempt: int


class PrioritisedJob(JobStatus):
    priority: int
    message: str


class DeletedJob(LazyModel):
    """`files_deleted` counts objects: the source and the outputs."""

    job_id: str
    deleted: bool = True
    files_deleted: int


class RetriedJobs(LazyModel):
    """The result of a retry of many jobs. `reasons` has the number of refused jobs by reason. Where `continues` is
    true, the others follow without another request."""

    matched: int
    retried: int
    refused: int
    reasons: dict[str, int]
    continues: bool
