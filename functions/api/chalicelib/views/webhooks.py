"""`/webhooks`: the endpoints that an account is notified at, and the events that each of them receives."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.problems import Invalid, Problem
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.http.webhook_ownership import checked_id, get_own_webhook
from mediajobs import clock
from mediajobs.webhooks import endpoint_service, endpoint_store
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

routes = Routes("webhooks")


@routes.route(
    "POST",
    "/webhooks",
    {HTTPStatus.CREATED: WebhookWithSecret},
    body=CreateWebhook,
    headers={HTTPStatus.CREATED: ("Location",)},
)
def create(request: ApiRequest) -> Response:
    """Register an address that is notified of your jobs, and get the secret that signs what is sent.

    Only this answer contains the secret. An account has at most ten webhooks; 409 where it has ten already.
    """
    with _url_problems():
        endpoint = endpoint_service.create(request.caller.account, request.body)
    document = webhook_with_secret(endpoint, clock.utc_now())
    return json_answer(document, HTTPStatus.CREATED, {"Location": f"/webhooks/{endpoint.webhook_id}"})


@routes.route("GET", "/webhooks", {HTTPStatus.OK: WebhookList})
def list_webhooks(request: ApiRequest) -> Response:
    """List your webhooks."""
    endpoints = endpoint_store.of_account(request.caller.account)
    return json_answer(WebhookList(webhooks=[webhook_document(endpoint, clock.utc_now()) for endpoint in endpoints]))


@routes.route("GET", "/webhooks/{webhook_id}", {HTTPStatus.OK: WebhookDocument})
def get(request: ApiRequest, webhook_id: str) -> Response:
    """Read a webhook, and whether deliveries to it succeed."""
    return json_answer(webhook_document(get_own_webhook(request, webhook_id), clock.utc_now()))


@routes.route("PATCH", "/webhooks/{webhook_id}", {HTTPStatus.OK: WebhookDocument}, body=ChangeWebhook)
def change(request: ApiRequest, webhook_id: str) -> Response:
    """Change a webhook, or enable it again.

    `{"enabled": true}` clears its failures and the reason why it was disabled. Recover it to get the deliveries that
    failed meanwhile.
    """
    with _url_problems():
        changed = endpoint_service.change(request.caller.account, checked_id(webhook_id), request.body.changes)
    return json_answer(webhook_document(changed, clock.utc_now()))


@routes.route("DELETE", "/webhooks/{webhook_id}", {HTTPStatus.OK: DeletedWebhook})
def delete(request: ApiRequest, webhook_id: str) -> Response:
    """Delete a webhook. Its pending deliveries are not sent any more, and its deliveries cannot be read any more."""
    endpoint_store.delete(request.caller.account, checked_id(webhook_id))
    return json_answer(DeletedWebhook(webhook_id=webhook_id))


@routes.route("POST", "/webhooks/{webhook_id}/rotate-secret", {HTTPStatus.OK: WebhookWithSecret})
def rotate_secret(request: ApiRequest, webhook_id: str) -> Response:
    """Get a new secret. For 24 hours, what is sent is signed with the old secret too."""
    endpoint = endpoint_store.rotate_secret(request.caller.account, checked_id(webhook_id), clock.utc_now())
    return json_answer(webhook_with_secret(endpoint, clock.utc_now()))


@contextmanager
def _url_problems() -> Iterator[None]:
    """Turns a refused URL into a problem."""
    try:
        yield
    except endpoint_service.RefusedUrl as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"This url cannot be used. {error}",
            slug="url-refused",
            errors=[Invalid(loc=["url"], msg=str(error))],
        ) from error
