"""What clients may send about webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from mediajobs.ids import JOB_ID
from mediajobs.patterns import Pattern
from mediajobs.requests import Body, Moment, days_beginning, in_utc
from mediajobs.webhooks import LONGEST_URL

EventName = Literal["job.completed", "job.failed", "job.progress", "job.cancelled"]

_URL = "Where to POST: https, and a host of the public internet, without user name or password."
_EVENTS = "What to tell. `job.progress` is each step of a job from its start to its end."
_SINCE = (
    "What has failed then or later. RFC 3339; without an offset it is UTC, and a date alone is the day's beginning."
)
_JOB_ID = Pattern(f"^{JOB_ID.pattern}$", "write a job's id, as POST /jobs gave it")
_CURSOR = "The `next_cursor` of a page: goes on where that ended. Same key, webhook and filters."


def _each_once(events: list[EventName]) -> list[EventName]:
    return list(dict.fromkeys(events))


Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL, description=_URL, json_schema_extra={"format": "uri"})]
Events = Annotated[list[EventName], Field(min_length=1, description=_EVENTS), AfterValidator(_each_once)]
Description = Annotated[str, Field(max_length=255, description="Yours, to tell one from the other.")]
Enabled = Annotated[bool, Field(strict=True, description="Whether anything is sent.")]


class CreateWebhook(Body):
    """`POST /webhooks`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://example.com/hooks/mediajobs",
                    "events": ["job.completed", "job.failed"],
                    "description": "The back end",
                }
            ]
        }
    )

    url: Url
    events: Events = ["job.completed", "job.failed"]
    description: Description | None = None
    enabled: Enabled = True


class ChangeWebhook(Body):
    """`PATCH /webhooks/{id}`: what is left out stays. `description: null` takes it away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}]})

    # Left out is not null, so what these have then is never read.
    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list)
    description: Description | None = None
    enabled: Enabled = Field(default_factory=bool)

    @property
    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class RecoverDeliveries(Body):
    """`POST /webhooks/{id}/recover`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-11-23T00:00:00Z"}]})

    since: Annotated[Moment, Field(description=_SINCE)]

    @field_validator("since", mode="before")
    @classmethod
    def _from_the_days_beginning(cls, value: Any) -> Any:
        return days_beginning(value)

    @field_validator("since")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return in_utc(value)


class ListDeliveries(Body):
    """`GET /webhooks/{id}/deliveries`."""

    status: Annotated[Literal["pending", "delivered", "failed"] | None, Field(description="How it stands.")] = None
    event: Annotated[EventName | Literal["webhook.test"] | None, Field(description="Of this event.")] = None
    job_id: Annotated[Annotated[str, _JOB_ID] | None, Field(description="About this job.")] = None
    per_page: Annotated[int, Field(ge=1, le=500, description="Deliveries on a page, at most.")] = 100
    cursor: Annotated[str | None, Field(max_length=2048, description=_CURSOR)] = None
