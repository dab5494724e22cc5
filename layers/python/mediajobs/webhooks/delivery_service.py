"""One attempt: a delivery that is due is claimed, sent, and written down.

A circuit breaker stands before each endpoint, and only a few requests to it are on their way at a time: one that does
not answer, or answers slowly, keeps nobody else waiting. What cannot be made now is put off, and counts as no attempt.
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
from mediajobs.webhooks import delivery_lease_store, endpoint_concurrency_store, signatures
from mediajobs.webhooks.attempt_queue import DeliveryReference
from mediajobs.webhooks.delivery import ANSWER_BYTES, DEADLINE_SECONDS, Delivery, DeliveryResponse, attempt
from mediajobs.webhooks.endpoints import Endpoint
from mediajobs.webhooks.retry_policy import MAX_BUSY_DELAY, MAX_OPEN_CIRCUIT_DELAY, next_step

Clock = Callable[[], datetime]
OPEN_SECONDS = 60  # an endpoint that failed so often in a row is left alone, then tried once
_FAILURES = 5
_GONE = "It answered 410 Gone. Enable it when it is there again, and recover what was missed."


class _Failed(Exception):
    """The endpoint did not take it: what the circuit breaker counts."""


_CONFIG = CircuitBreakerConfig(
    failure_threshold=_FAILURES, recovery_timeout=OPEN_SECONDS, success_threshold=1, handled_exceptions=_Failed
)


def attempt_delivery(hint: DeliveryReference, clock: Clock) -> str:
    """Makes the attempt, if it is due and may be made. Gives in two words what came of it."""
    if _is_open(hint.webhook_id) and not delivery_lease_store.may_be_due(hint, clock()):
        return "not due"  # else it would be the one that asks for all, and ask nothing
    guarded = circuit_breaker(
        name=hint.webhook_id, persistence_store=_circuits(), config=_CONFIG, on_circuit_open=_postpone_while_open
    )(_make)
    try:
        outcome: str = guarded(hint, clock)
    except _Failed:
        return "not taken"
    except delivery_lease_store.NotDue:
        return "not due"
    except endpoint_concurrency_store.EndpointBusy:
        delivery_lease_store.postpone(hint, clock(), longest=MAX_BUSY_DELAY)
        return "put off"
    except endpoint_concurrency_store.EndpointUnavailable as closed:
        if _is_open(hint.webhook_id):  # nobody is asked any more, so nobody need wait for an answer
            _circuits().save_closed(hint.webhook_id)
        delivery_lease_store.fail_delivery(hint, str(closed), clock())
        return "given up"
    return outcome


def _make(hint: DeliveryReference, clock: Clock) -> str:
    """Raises _Failed, NotDue, Full, Closed."""
    flight = endpoint_concurrency_store.acquire(hint.account, hint.webhook_id, clock(), delivery_lease_store.LEASE)
    delivered = None
    try:
        delivered = _deliver(
            flight.endpoint, delivery_lease_store.claim(hint.webhook_id, hint.delivery_id, clock()), clock
        )
    finally:
        endpoint_concurrency_store.release(flight, clock(), delivered=delivered)
    if not delivered:
        raise _Failed
    return "delivered"


def _deliver(endpoint: Endpoint, claimed: delivery_lease_store.Claim, clock: Clock) -> bool:
    """Whether the endpoint took it."""
    began = clock()
    answer = _send(endpoint, claimed.delivery, began)
    ended = clock()
    jitter = random.random()  # noqa: S311 - nobody gains by guessing it
    then = next_step(claimed.delivery.tries, answer, ended, jitter)
    delivery_lease_store.finish(claimed, attempt(answer, began), then, ended)
    if answer.gone:
        endpoint_concurrency_store.disable(endpoint, _GONE, ended)
    return answer.delivered


def _send(endpoint: Endpoint, delivery: Delivery, now: datetime) -> DeliveryResponse:
    headers = signatures.headers(delivery.message_id, now, delivery.body, endpoint.signing(now))
    began = clock.monotonic()
    try:
        reply = http_client.post(
            endpoint.url, delivery.body.encode(), headers, seconds=DEADLINE_SECONDS, most=ANSWER_BYTES
        )
    except http_client.NoResponse as error:
        return DeliveryResponse(error=error.code, detail=error.detail, latency_ms=_latency_ms(began))
    return DeliveryResponse(reply.status, reply.retry_after, reply.body, _latency_ms(began))


def _postpone_while_open(hint: DeliveryReference, clock: Clock, *, circuit: CircuitInfo) -> str:
    now = clock()
    opened = circuit.opened_at if circuit.opened_at is not None else now.timestamp()
    delivery_lease_store.postpone(
        hint, now, least=opened + OPEN_SECONDS - now.timestamp(), longest=MAX_OPEN_CIRCUIT_DELAY
    )
    return "put off"


def _is_open(webhook_id: str) -> bool:
    """Whether its circuit is open, or half open. It is known for a few seconds without a call."""
    return bool(_circuits().get_state(webhook_id).state != CircuitState.CLOSED)


@cache
def _circuits() -> Any:
    return CircuitBreakerDynamoDBPersistence(setting("CIRCUIT_BREAKERS_TABLE"), boto3_client=clients.client("dynamodb"))


def _latency_ms(began: float) -> int:
    return round(1000 * (clock.monotonic() - began))
