"""Makes one attempt of a delivery: leases the delivery, sends it, and records the outcome.

Two limits keep a bad receiver from delaying the deliveries to others: a circuit breaker for each endpoint, and slots
that bound the concurrent requests to it. A third one, of an account and a host, keeps an account from flooding a
receiver. An attempt that cannot be made now is postponed, and is not counted.
"""

import random
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerConfig, CircuitInfo, circuit_breaker
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from aws_lambda_powertools.utilities.circuit_breaker.states import CircuitState

from mediajobs import clock
from mediajobs.aws import clients
from mediajobs.outbound import http_client
from mediajobs.settings import setting
from mediajobs.webhooks import delivery_lease_store, endpoint_concurrency_store, send_rate_store, signatures
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import (
    DEADLINE_SECONDS,
    RESPONSE_BYTES,
    Delivery,
    DeliveryResponse,
    attempt_of,
    no_response_detail,
)
from mediajobs.webhooks.delivery_lease_store import LEASE_DURATION, DeliveryLease
from mediajobs.webhooks.endpoints import Endpoint
from mediajobs.webhooks.retry_policy import MAX_BUSY_DELAY, MAX_OPEN_CIRCUIT_DELAY, next_step

UtcNow = Callable[[], datetime]
OPEN_SECONDS = 60  # after so many failures in a row nothing is sent for this time, then one request
_FAILURES = 5
_GONE = "It answered 410 Gone. Enable it when it is there again, and recover what was missed."


class _NotDelivered(Exception):
    """The endpoint did not accept the delivery. The circuit breaker counts these."""


_CONFIG = CircuitBreakerConfig(
    failure_threshold=_FAILURES, recovery_timeout=OPEN_SECONDS, success_threshold=1, handled_exceptions=_NotDelivered
)


def attempt_delivery(reference: DeliveryReference, utc_now: UtcNow) -> str:
    """Makes the attempt if it is due and the limits allow it. Returns the outcome in one or two words, for the log."""
    webhook_id = reference.webhook_id
    if _is_open(webhook_id) and not delivery_lease_store.may_be_due(reference, utc_now()):
        return "not due"  # else it would be the one request that tests a half-open circuit, and send nothing
    guarded_attempt = circuit_breaker(
        name=webhook_id, persistence_store=_circuits(), config=_CONFIG, on_circuit_open=_postpone_while_open
    )(_attempt)
    try:
        outcome: str = guarded_attempt(reference, utc_now)
    except _NotDelivered:
        return "not delivered"
    except delivery_lease_store.NotDue:
        return "not due"
    except endpoint_concurrency_store.EndpointBusy:
        delivery_lease_store.postpone(reference, utc_now(), max_seconds=MAX_BUSY_DELAY)
        return "postponed"
    except send_rate_store.RateExceeded as exceeded:
        delivery_lease_store.postpone(reference, utc_now(), min_seconds=exceeded.seconds, max_seconds=MAX_BUSY_DELAY)
        return "postponed"
    except endpoint_concurrency_store.EndpointUnavailable as unavailable:
        if _is_open(webhook_id):  # nothing is sent any more that could close the circuit
            _circuits().save_closed(webhook_id)
        delivery_lease_store.fail_delivery(reference, str(unavailable), utc_now())
        return "failed"
    return outcome


def _attempt(reference: DeliveryReference, utc_now: UtcNow) -> str:
    """Raises _NotDelivered, NotDue, EndpointBusy, RateExceeded or EndpointUnavailable."""
    account, webhook_id, delivery_id = reference
    slot = endpoint_concurrency_store.acquire(account, webhook_id, utc_now(), LEASE_DURATION)
    delivered = None
    try:
        send_rate_store.count(slot.endpoint, utc_now())
        lease = delivery_lease_store.acquire(webhook_id, delivery_id, utc_now())
        delivered = _deliver(slot.endpoint, lease, utc_now)
    finally:
        endpoint_concurrency_store.release(slot, utc_now(), delivered=delivered)
    if not delivered:
        raise _NotDelivered
    return "delivered"


def _deliver(endpoint: Endpoint, lease: DeliveryLease, utc_now: UtcNow) -> bool:
    """Sends a request and records its outcome. Returns whether the endpoint accepted it."""
    started_at = utc_now()
    response = _send(endpoint, lease.delivery, started_at)
    ended_at = utc_now()
    jitter = random.random()  # noqa: S311 - not a secret
    step = next_step(lease.delivery.tries, response, ended_at, jitter)
    delivery_lease_store.finish(lease, attempt_of(response, started_at), step, ended_at)
    if response.gone:
        endpoint_concurrency_store.disable(endpoint, _GONE, ended_at)
    return response.delivered


def _send(endpoint: Endpoint, delivery: Delivery, now: datetime) -> DeliveryResponse:
    headers = signatures.headers(delivery.message_id, now, delivery.body, endpoint.signing_secrets(now))
    body = delivery.body.encode()
    start = clock.monotonic()
    try:
        response = http_client.post(endpoint.url, body, headers, seconds=DEADLINE_SECONDS, max_bytes=RESPONSE_BYTES)
    except http_client.NoResponse as error:
        detail = no_response_detail(error.code, str(error))
        return DeliveryResponse(error=error.code, detail=detail, latency_ms=_milliseconds_since(start))
    return DeliveryResponse(response.status, response.retry_after, response.body, _milliseconds_since(start))


def _postpone_while_open(reference: DeliveryReference, utc_now: UtcNow, *, circuit: CircuitInfo) -> str:
    now = utc_now()
    opened_at = circuit.opened_at if circuit.opened_at is not None else now.timestamp()
    remaining = opened_at + OPEN_SECONDS - now.timestamp()
    delivery_lease_store.postpone(reference, now, min_seconds=remaining, max_seconds=MAX_OPEN_CIRCUIT_DELAY)
    return "postponed"


def _is_open(webhook_id: str) -> bool:
    """Whether the endpoint's circuit is open or half open. Powertools caches the state for a few seconds."""
    return bool(_circuits().get_state(webhook_id).state != CircuitState.CLOSED)


@cache
def _circuits() -> Any:
    return CircuitBreakerDynamoDBPersistence(setting("CIRCUIT_BREAKERS_TABLE"), boto3_client=clients.client("dynamodb"))


def _milliseconds_since(start: float) -> int:
    return round(1000 * (clock.monotonic() - start))
