"""`/webhooks/{webhook_id}/deliveries`: what was sent to a webhook, what came of it, and sending it again."""

import time
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import pagination
from chalicelib.http.problems import Problem
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.http.webhook_ownership import own_webhook
from mediajobs import clock
from mediajobs.errors import Conflict, NotFound
from mediajobs.ids import DELIVERY_ID
from mediajobs.timestamps import rfc3339
from mediajobs.webhooks import attempt_queue, delivery_store
from mediajobs.webhooks.delivery import Delivery
from mediajobs.webhooks.endpoints import Endpoint
from mediajobs.webhooks.schemas import (
    DeliveryDocument,
    DeliveryList,
    ListDeliveries,
    RecoverDeliveries,
    RecoveredDeliveries,
    delivery_document,
    listed_delivery,
)

RECOVER_SECONDS = 15.0  # the gateway gives up after 29

routes = Routes("webhooks")


@routes.route(
    "POST",
    "/webhooks/{webhook_id}/test",
    {HTTPStatus.ACCEPTED: DeliveryDocument},
    headers={HTTPStatus.ACCEPTED: ("Location",)},
)
def test(asked: ApiRequest, webhook_id: str) -> Response:
    """Send an event `webhook.test`, whatever the webhook wants to be told. Its delivery says what came of it."""
    return _accepted(delivery_store.test(_enabled(asked, webhook_id), clock.utc_now()))


@routes.route(
    "GET",
    "/webhooks/{webhook_id}/deliveries",
    {HTTPStatus.OK: DeliveryList},
    query=ListDeliveries,
    headers={HTTPStatus.OK: ("Link",)},
)
def list_deliveries(asked: ApiRequest, webhook_id: str) -> Response:
    """What was sent to a webhook, the latest first. It is kept for 30 days after its last attempt."""
    wanted: ListDeliveries = asked.query
    own_webhook(asked, webhook_id)
    which = f"{webhook_id} {wanted.model_dump_json(exclude={'per_page', 'cursor'})}"
    page = delivery_store.page(
        webhook_id,
        status=wanted.status,
        event=wanted.event,
        job_id=wanted.job_id,
        limit=wanted.per_page,
        place=None if wanted.cursor is None else pagination.place(asked, wanted.cursor, of=which),
    )
    cursor = pagination.cursor(asked, page.next_position, of=which)
    document = DeliveryList(deliveries=[listed_delivery(each) for each in page.deliveries], next_cursor=cursor)
    return json_answer(document, headers=pagination.link(f"/webhooks/{webhook_id}/deliveries", wanted, cursor))


@routes.route("GET", "/webhooks/{webhook_id}/deliveries/{delivery_id}", {HTTPStatus.OK: DeliveryDocument})
def delivery(asked: ApiRequest, webhook_id: str, delivery_id: str) -> Response:
    """A delivery: what is sent, and every attempt."""
    own_webhook(asked, webhook_id)
    return json_answer(delivery_document(_delivery(webhook_id, delivery_id)))


@routes.route(
    "POST",
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    {HTTPStatus.ACCEPTED: DeliveryDocument},
    headers={HTTPStatus.ACCEPTED: ("Location",)},
)
def redeliver(asked: ApiRequest, webhook_id: str, delivery_id: str) -> Response:
    """Send it again at once, under the same `webhook-id`, also what was delivered."""
    _enabled(asked, webhook_id)
    return _accepted(delivery_store.redeliver(_delivery(webhook_id, delivery_id), clock.utc_now()))


@routes.route(
    "POST", "/webhooks/{webhook_id}/recover", {HTTPStatus.ACCEPTED: RecoveredDeliveries}, body=RecoverDeliveries
)
def recover(asked: ApiRequest, webhook_id: str) -> Response:
    """Send again all that has failed since a moment.

    Where it is more than fits into a request, `recovered` counts what was reached and the rest follows by itself.
    """
    _enabled(asked, webhook_id)
    since, moment = asked.body.since, clock.utc_now()
    deadline = time.monotonic() + RECOVER_SECONDS
    done = delivery_store.recover(webhook_id, since, moment)
    count = done.count
    while done.next_position is not None and time.monotonic() < deadline:
        done = delivery_store.recover(webhook_id, since, moment, place=done.next_position)
        count += done.count
    if done.next_position is not None:
        attempt_queue.hand_on_recovery(webhook_id, rfc3339(since), done.next_position)
    document = RecoveredDeliveries(webhook_id=webhook_id, recovered=count, continues=done.next_position is not None)
    return json_answer(document, HTTPStatus.ACCEPTED)


def _enabled(asked: ApiRequest, webhook_id: str) -> Endpoint:
    """The caller's webhook. Raises Conflict where nothing is sent to it."""
    endpoint = own_webhook(asked, webhook_id)
    if not endpoint.enabled:
        raise Conflict('Nothing is sent to this webhook, since it is disabled. PATCH it with {"enabled": true} first.')
    return endpoint


def _delivery(webhook_id: str, delivery_id: str) -> Delivery:
    missing = Problem(
        HTTPStatus.NOT_FOUND, f"There is no delivery {delivery_id} of this webhook. They are kept for 30 days."
    )
    if DELIVERY_ID.fullmatch(delivery_id) is None:
        raise missing
    try:
        return delivery_store.get(webhook_id, delivery_id)
    except NotFound as error:
        raise missing from error


def _accepted(delivery: Delivery) -> Response:
    location = f"/webhooks/{delivery.webhook_id}/deliveries/{delivery.delivery_id}"
    return json_answer(delivery_document(delivery), HTTPStatus.ACCEPTED, {"Location": location})
