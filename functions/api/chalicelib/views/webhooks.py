"""`/webhooks`: where an account wants to be told what."""

import os
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.problems import Invalid, Problem
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.http.webhook_ownership import own_webhook, webhook_or_404
from mediajobs import clock
from mediajobs.webhooks import endpoint_store
from mediajobs.webhooks.endpoints import url_fault
from mediajobs.webhooks.schemas import (
    ChangeWebhook,
    CreateWebhook,
    DeletedWebhook,
    WebhookDocument,
    WebhookList,
    WebhookWithSecret,
    webhook_document,
    webhook_with_secret,
)

SECRET = {"Cache-Control": "no-store"}  # of answers that have one in them

routes = Routes("webhooks")


@routes.route("POST", "/webhooks", {HTTPStatus.CREATED: WebhookWithSecret}, body=CreateWebhook)
def create(asked: ApiRequest) -> Response:
    """Name an address that is told of your jobs, and get the secret that signs.

    The secret is in this answer alone. An account has up to ten webhooks; 409 where it has them already.
    """
    wanted: CreateWebhook = asked.body
    _check(wanted.url)
    endpoint = endpoint_store.create(
        asked.caller.account,
        url=wanted.url,
        events=tuple(wanted.events),
        description=wanted.description,
        enabled=wanted.enabled,
        now=clock.utc_now(),
    )
    document = webhook_with_secret(endpoint, clock.utc_now())
    return json_answer(document, HTTPStatus.CREATED, {"Location": f"/webhooks/{endpoint.webhook_id}", **SECRET})


@routes.route("GET", "/webhooks", {HTTPStatus.OK: WebhookList})
def list_webhooks(asked: ApiRequest) -> Response:
    """Your webhooks."""
    found = endpoint_store.of_account(asked.caller.account)
    return json_answer(WebhookList(webhooks=[webhook_document(each, clock.utc_now()) for each in found]))


@routes.route("GET", "/webhooks/{webhook_id}", {HTTPStatus.OK: WebhookDocument})
def get(asked: ApiRequest, webhook_id: str) -> Response:
    """A webhook, and whether it works."""
    return json_answer(webhook_document(own_webhook(asked, webhook_id), clock.utc_now()))


@routes.route("PATCH", "/webhooks/{webhook_id}", {HTTPStatus.OK: WebhookDocument}, body=ChangeWebhook)
def change(asked: ApiRequest, webhook_id: str) -> Response:
    """Change a webhook, or enable it again.

    `{"enabled": true}` forgets its failures and why it was disabled. What it missed is had by recovering it.
    """
    changes = asked.body.changes
    if "url" in changes:
        _check(changes["url"])
    with webhook_or_404(webhook_id):
        changed = endpoint_store.change(asked.caller.account, webhook_id, changes, clock.utc_now())
    return json_answer(webhook_document(changed, clock.utc_now()))


@routes.route("DELETE", "/webhooks/{webhook_id}", {HTTPStatus.OK: DeletedWebhook})
def delete(asked: ApiRequest, webhook_id: str) -> Response:
    """Delete a webhook. What is on its way to it is not sent any more, and its deliveries are not shown any more."""
    with webhook_or_404(webhook_id):
        endpoint_store.delete(asked.caller.account, webhook_id)
    return json_answer(DeletedWebhook(webhook_id=webhook_id))


@routes.route("POST", "/webhooks/{webhook_id}/rotate-secret", {HTTPStatus.OK: WebhookWithSecret})
def rotate_secret(asked: ApiRequest, webhook_id: str) -> Response:
    """Get a new secret. The old one signs beside it for 24 hours more."""
    with webhook_or_404(webhook_id):
        endpoint = endpoint_store.rotate(asked.caller.account, webhook_id, clock.utc_now())
    return json_answer(webhook_with_secret(endpoint, clock.utc_now()), headers={**SECRET})


def _check(url: str) -> None:
    """What can be told without connecting; the address itself is checked whenever it is connected to."""
    fault = url_fault(url, private_allowed=os.environ["ALLOW_PRIVATE_URLS"] == "true")
    if fault is not None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"This url cannot be used. {fault}",
            slug="url-refused",
            errors=[Invalid(loc=["url"], msg=fault)],
        )
