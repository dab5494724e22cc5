"""Creates and changes webhook endpoints, after a check of their URL."""

from collections.abc import Mapping
from typing import Any

from mediajobs import clock
from mediajobs.errors import Conflict
from mediajobs.settings import is_on
from mediajobs.webhooks import endpoint_store
from mediajobs.webhooks.endpoints import Endpoint, url_fault
from mediajobs.webhooks.schemas import CreateWebhook


class RefusedUrl(ValueError):
    """Nothing can be sent to this URL. The message says why and what to give instead."""


def create(account: str, request: CreateWebhook) -> Endpoint:
    """Creates an endpoint with a secret of its own. Raises RefusedUrl, and Conflict where the account has ten."""
    _check_url(request.url)
    return endpoint_store.create(
        account,
        url=request.url,
        events=tuple(request.events),
        description=request.description,
        enabled=request.enabled,
        now=clock.utc_now(),
    )


def change(account: str, webhook_id: str, changes: Mapping[str, Any]) -> Endpoint:
    """Sets `url`, `events`, `description` or `enabled`. Raises RefusedUrl, NotFound."""
    if "url" in changes:
        _check_url(changes["url"])
    return endpoint_store.change(account, webhook_id, changes, clock.utc_now())


def require_enabled(endpoint: Endpoint) -> Endpoint:
    """Raises Conflict where the endpoint is disabled, because then nothing is sent to it."""
    if not endpoint.enabled:
        raise Conflict('Nothing is sent to this webhook, since it is disabled. PATCH it with {"enabled": true} first.')
    return endpoint


def _check_url(url: str) -> None:
    """Checks what can be known without connecting. The address is checked at every connection."""
    fault = url_fault(url, private_allowed=is_on("ALLOW_PRIVATE_URLS"))
    if fault is not None:
        raise RefusedUrl(fault)
