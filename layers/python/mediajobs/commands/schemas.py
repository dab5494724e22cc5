"""Requests and documents of what owners do to jobs."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from mediajobs.api.request_types import Body, Priority, as_list
from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.jobs.schemas import JobStatus
from mediajobs.listing.schemas import JobFilters

_ORIGIN = "`failed_task` keeps what finished tasks made; `start` makes everything anew."


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
        BeforeValidator(as_list),
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


class CancelledJob(JobStatus):
    message: str


class RetriedJob(JobStatus):
    attempt: int


class PrioritisedJob(JobStatus):
    priority: int
    message: str


class DeletedJob(LazyModel):
    """`files_deleted` counts objects: the source, and everything that was made of it."""

    job_id: str
    deleted: bool = True
    files_deleted: int


class RetriedJobs(LazyModel):
    """What a retry of many has done. `refused` counts those that `reasons` tells of; where it `continues`, the rest
    follows without another request."""

    matched: int
    retried: int
    refused: int
    reasons: dict[str, int]
    continues: bool
