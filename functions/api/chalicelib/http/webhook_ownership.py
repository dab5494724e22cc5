"""Webhooks belong to accounts. Every view asks here before it reads or changes a webhook or its deliveries.

A webhook of another account is answered like one that does not exist: with NotFound.
"""

from chalicelib.http.routes import ApiRequest
from mediajobs.errors import NotFound
from mediajobs.ids import DELIVERY_ID, WEBHOOK_ID
from mediajobs.webhooks import delivery_store, endpoint_store
from mediajobs.webhooks.delivery import Delivery
from mediajobs.webhooks.endpoints import Endpoint


def get_own_webhook(request: ApiRequest, webhook_id: str) -> Endpoint:
    """Returns the caller's webhook. Raises NotFound."""
    return endpoint_store.get(request.caller.account, checked_id(webhook_id))


def checked_id(webhook_id: str) -> str:
    """Returns the id. Raises NotFound, without a database read, where it cannot be a webhook's id."""
    if WEBHOOK_ID.fullmatch(webhook_id) is None:
        raise NotFound("webhook", webhook_id)
    return webhook_id


def get_delivery(endpoint: Endpoint, delivery_id: str) -> Delivery:
    """Returns a delivery of the webhook. Raises NotFound."""
    if DELIVERY_ID.fullmatch(delivery_id) is None:
        raise NotFound("delivery", delivery_id)
    return delivery_store.get(endpoint.webhook_id, delivery_id)
