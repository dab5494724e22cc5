"""`/webhooks/{webhook_id}/deliveries`: what was sent to a webhook, with what result, and sending it again."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import deadlines, pagination
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.http.webhook_ownership import get_delivery, get_own_webhook
from mediajobs import clock
from mediajobs.webhooks import delivery_store, endpoint_service, recovery_service
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

RECOVER_SECONDS = 15.0  # then the rest goes on without the request

routes = Routes("webhooks")


@routes.route(
    "POST",
    "/webhooks/{webhook_id}/test",
    {HTTPStatus.ACCEPTED: DeliveryDocument},
    headers={HTTPStatus.ACCEPTED: ("Location",)},
)
def test(request: ApiRequest, webhook_id: str) -> Response:
    """Send an event `webhook.test`, whatever events the webhook is registered for. Its delivery shows the result."""
    return _accepted(delivery_store.test(_enabled_webhook(request, webhook_id), clock.utc_now()))


@routes.route(
    "GET",
    "/webhooks/{webhook_id}/deliveries",
    {HTTPStatus.OK: DeliveryList},
    query=ListDeliveries,
    headers={HTTPStatus.OK: ("Link",)},
)
def list_deliveries(request: ApiRequest, webhook_id: str) -> Response:
    """List the deliveries of a webhook, the latest first. A delivery is kept for 30 days after its last attempt."""
    query: ListDeliveries = request.query
    get_own_webhook(request, webhook_id)
    list_name = f"{webhook_id} {query.model_dump_json(exclude={'per_page', 'cursor'})}"
    page = delivery_store.page(
        webhook_id,
        status=query.status,
        event=query.event,
        job_id=query.job_id,
        limit=query.per_page,
        place=pagination.position(request, query.cursor, of=list_name),
    )
    cursor = pagination.cursor(request, page.next_position, of=list_name)
    document = DeliveryList(deliveries=[listed_delivery(item) for item in page.deliveries], next_cursor=cursor)
    return json_answer(document, headers=pagination.link(f"/webhooks/{webhook_id}/deliveries", query, cursor))


@routes.route("GET", "/webhooks/{webhook_id}/deliveries/{delivery_id}", {HTTPStatus.OK: DeliveryDocument})
def delivery(request: ApiRequest, webhook_id: str, delivery_id: str) -> Response:
    """Read a delivery: what is sent, and every attempt."""
    return json_answer(delivery_document(get_delivery(get_own_webhook(request, webhook_id), delivery_id)))


@routes.route(
    "POST",
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    {HTTPStatus.ACCEPTED: DeliveryDocument},
    headers={HTTPStatus.ACCEPTED: ("Location",)},
)
def redeliver(request: ApiRequest, webhook_id: str, delivery_id: str) -> Response:
    """Send a delivery again at once, under the same `webhook-id`, even if it was delivered."""
    found = get_delivery(_enabled_webhook(request, webhook_id), delivery_id)
    return _accepted(delivery_store.redeliver(found, clock.utc_now()))


@routes.route(
    "POST", "/webhooks/{webhook_id}/recover", {HTTPStatus.ACCEPTED: RecoveredDeliveries}, body=RecoverDeliveries
)
def recover(request: ApiRequest, webhook_id: str) -> Response:
    """Send again all deliveries that have failed since a moment.

    Where they are more than one request can handle, `recovered` counts those that were reached, and the others follow
    without another request.
    """
    _enabled_webhook(request, webhook_id)
    has_time = deadlines.has_time(RECOVER_SECONDS)
    recovery = recovery_service.recover(webhook_id, request.body.since, clock.utc_now(), has_time)
    document = RecoveredDeliveries(webhook_id=webhook_id, recovered=recovery.count, continues=recovery.continues)
    return json_answer(document, HTTPStatus.ACCEPTED)


def _enabled_webhook(request: ApiRequest, webhook_id: str) -> Endpoint:
    return endpoint_service.require_enabled(get_own_webhook(request, webhook_id))


def _accepted(delivery: Delivery) -> Response:
    location = f"/webhooks/{delivery.webhook_id}/deliveries/{delivery.delivery_id}"
    return json_answer(delivery_document(delivery), HTTPStatus.ACCEPTED, {"Location": location})
