"""The documents and requests of the webhook endpoints of the API."""

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from mediajobs.api.request_types import Body, Moment, days_beginning, in_utc
from mediajobs.api.size_limits import AtMost
from mediajobs.api.string_formats import Pattern
from mediajobs.base_model import LazyModel
from mediajobs.ids import JOB_ID
from mediajobs.timestamps import parse_rfc3339
from mediajobs.webhooks.delivery import Attempt, Delivery, DeliveryStatus
from mediajobs.webhooks.endpoints import MAX_URL_LENGTH, Endpoint


class WebhookDocument(LazyModel):
    """An endpoint. `disabled_reason` says why we disabled it, and what to do. `failing_since`: the first failure since
    anything was delivered. `verified`: the URL has answered 2xx; before, no `job.progress` is sent.
    `previous_secret_expires_at`: until then what is sent is signed with an older secret too."""

    webhook_id: str
    url: str
    events: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None
    verified: bool
    previous_secret_expires_at: str | None
    created_at: str
    updated_at: str


class WebhookWithSecret(WebhookDocument):
    """An endpoint with its secret, which no other answer has."""

    secret: str


class WebhookList(LazyModel):
    """The endpoints, the oldest first; an account has ten at most."""

    webhooks: list[WebhookDocument]


class DeletedWebhook(LazyModel):
    webhook_id: str
    deleted: bool = True


class ListedDelivery(LazyModel):
    """A delivery in a list. `message_id` is its header `webhook-id`, the same at every attempt and endpoint. `reason`
    says why it has failed: `attempts_exhausted`, `gone`, `webhook_disabled` or `webhook_deleted`. `next_attempt_at` is
    null while an attempt is being made."""

    webhook_id: str
    delivery_id: str
    message_id: str
    event: str
    job_id: str | None
    status: DeliveryStatus
    reason: str | None
    created_at: str
    completed_at: str | None
    next_attempt_at: str | None
    attempt_count: int
    last_attempt: Attempt | None


class DeliveryList(LazyModel):
    """Deliveries, the latest first. A page may be short, or empty, and still have a next one."""

    deliveries: list[ListedDelivery]
    next_cursor: str | None


class DeliveryDocument(ListedDelivery):
    """A delivery with every attempt, and in `body` the exact text that is sent."""

    body: str
    attempts: list[Attempt]


class RecoveredDeliveries(LazyModel):
    """How many failed deliveries are sent again; where it `continues`, the rest follows without another request."""

    webhook_id: str
    recovered: int
    continues: bool


def webhook_document(endpoint: Endpoint, now: datetime) -> WebhookDocument:
    return WebhookDocument.model_validate(_webhook(endpoint, now))


def webhook_with_secret(endpoint: Endpoint, now: datetime) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate(_webhook(endpoint, now) | {"secret": endpoint.secrets[0].secret})


def listed_delivery(delivery: Delivery) -> ListedDelivery:
    return ListedDelivery.model_validate(_delivery(delivery))


def delivery_document(delivery: Delivery) -> DeliveryDocument:
    return DeliveryDocument.model_validate(_delivery(delivery) | {"body": delivery.body, "attempts": delivery.attempts})


def _webhook(endpoint: Endpoint, now: datetime) -> dict[str, object]:
    expiries = [secret.expires_at for secret in endpoint.secrets if secret.expires_at]
    return endpoint.model_dump(exclude={"account", "secrets", "failed_at", "verified_url"}) | {
        "verified": endpoint.verified,
        "previous_secret_expires_at": max((expiry for expiry in expiries if parse_rfc3339(expiry) > now), default=None),
    }


def _delivery(delivery: Delivery) -> dict[str, object]:
    return {
        **delivery.model_dump(exclude={"account", "body", "attempts", "tries"}),
        "attempt_count": len(delivery.attempts),
        "last_attempt": delivery.attempts[-1] if delivery.attempts else None,
    }


EventName = Literal["job.completed", "job.failed", "job.progress", "job.cancelled"]
_MAX_EVENTS = 2 * len(get_args(EventName))  # an event may come twice
_URL = "Where to POST: https, and a host of the public internet, without user name or password."
_EVENTS = (
    "The events to send. `job.progress` is each step of a job from its start to its end; it is sent as soon as the "
    "endpoint has answered 2xx to a test or another event."
)
_SINCE = (
    "Deliveries that failed then or later. RFC 3339; without an offset it is UTC, and a date alone is the beginning of "
    "the day."
)
_JOB_ID = Pattern(f"^{JOB_ID.pattern}$", "write a job's id, as POST /jobs gave it")
_CURSOR = "The `next_cursor` of a page: goes on where that ended. Same key, webhook and filters."


def _without_duplicates(events: list[EventName]) -> list[EventName]:
    return list(dict.fromkeys(events))


Url = Annotated[
    str, Field(min_length=1, max_length=MAX_URL_LENGTH, description=_URL, json_schema_extra={"format": "uri"})
]
Events = Annotated[
    list[EventName], Field(min_length=1, description=_EVENTS), AfterValidator(_without_duplicates), AtMost(_MAX_EVENTS)
]
Description = Annotated[str, Field(max_length=255, description="Your own note, to tell webhooks apart.")]
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

    # These fields may be left out but not be null. Their defaults are never read.
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

    status: Annotated[Literal["pending", "delivered", "failed"] | None, Field(description="With this status.")] = None
    event: Annotated[EventName | Literal["webhook.test"] | None, Field(description="Of this event.")] = None
    job_id: Annotated[Annotated[str, _JOB_ID] | None, Field(description="About this job.")] = None
    per_page: Annotated[int, Field(ge=1, le=500, description="Deliveries on a page, at most.")] = 100
    cursor: Annotated[str | None, Field(max_length=2048, description=_CURSOR)] = None
