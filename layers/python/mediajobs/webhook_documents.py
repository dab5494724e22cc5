"""The documents that clients get about webhooks."""

from datetime import datetime

from mediajobs.deliveries import Attempt, Delivery, DeliveryStatus
from mediajobs.lazy import LazyModel
from mediajobs.times import parse
from mediajobs.webhooks import Endpoint


class WebhookDocument(LazyModel):
    """An endpoint. `disabled_reason` says why we disabled it, and what to do. `failing_since`: the first failure since
    anything was delivered. `previous_secret_expires_at`: until then what is sent is signed with an older secret too."""

    webhook_id: str
    url: str
    events: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None
    previous_secret_expires_at: str | None
    created_at: str
    updated_at: str


class WebhookWithSecret(WebhookDocument):
    """The same with its secret, which no other answer has."""

    secret: str


class WebhookList(LazyModel):
    """The oldest first; an account has ten at most."""

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
    """The latest first. A page may be short, or empty, and still have a next one."""

    deliveries: list[ListedDelivery]
    next_cursor: str | None


class DeliveryDocument(ListedDelivery):
    """A delivery with every attempt, and in `body` what is sent, to the letter."""

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
    ends = [each.expires_at for each in endpoint.secrets if each.expires_at and parse(each.expires_at) > now]
    return endpoint.model_dump(exclude={"account", "secrets", "failed_at"}) | {
        "previous_secret_expires_at": max(ends, default=None)
    }


def _delivery(delivery: Delivery) -> dict[str, object]:
    return {
        **delivery.model_dump(exclude={"account", "body", "attempts", "tries"}),
        "attempt_count": len(delivery.attempts),
        "last_attempt": delivery.attempts[-1] if delivery.attempts else None,
    }
