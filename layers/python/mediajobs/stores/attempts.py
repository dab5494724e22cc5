"""One attempt: a delivery that is due is claimed, sent, and written down.

A circuit breaker stands before each endpoint, and only a few requests to it are on their way at a time: one that does
not answer, or answers slowly, keeps nobody else waiting. What cannot be made now is put off, and counts as no attempt.
"""

import random
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerConfig, CircuitInfo, circuit_breaker
from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from aws_lambda_powertools.utilities.circuit_breaker.states import CircuitState

from mediajobs import signatures
from mediajobs.deliveries import (
    ANSWER_BYTES,
    DEADLINE_SECONDS,
    LONGEST_CROWD,
    LONGEST_REST,
    Answer,
    Delivery,
    after,
    attempt,
)
from mediajobs.stores import claims, clients, flights, outward
from mediajobs.stores.environment import setting
from mediajobs.stores.hints import Hint
from mediajobs.webhooks import Endpoint

Clock = Callable[[], datetime]
REST_SECONDS = 60  # an endpoint that failed so often in a row is left alone, then tried once
_FAILURES = 5
_GONE = "It answered 410 Gone. Enable it when it is there again, and recover what was missed."


class _Failed(Exception):
    """The endpoint did not take it: what the circuit breaker counts."""


_CONFIG = CircuitBreakerConfig(
    failure_threshold=_FAILURES, recovery_timeout=REST_SECONDS, success_threshold=1, handled_exceptions=_Failed
)


def make(hint: Hint, clock: Clock) -> str:
    """Makes the attempt, if it is due and may be made. Gives in two words what came of it."""
    if _is_resting(hint.webhook_id) and not claims.may_be_due(hint, clock()):
        return "not due"  # else it would be the one that asks for all, and ask nothing
    guarded = circuit_breaker(
        name=hint.webhook_id, persistence_store=_circuits(), config=_CONFIG, on_circuit_open=_rest
    )(_make)
    try:
        outcome: str = guarded(hint, clock)
    except _Failed:
        return "not taken"
    except claims.NotDue:
        return "not due"
    except flights.Full:
        claims.put_off(hint, clock(), longest=LONGEST_CROWD)
        return "put off"
    except flights.Closed as closed:
        if _is_resting(hint.webhook_id):  # nobody is asked any more, so nobody need wait for an answer
            _circuits().save_closed(hint.webhook_id)
        claims.close(hint, str(closed), clock())
        return "given up"
    return outcome


def _make(hint: Hint, clock: Clock) -> str:
    """Raises _Failed, NotDue, Full, Closed."""
    flight = flights.enter(hint.account, hint.webhook_id, clock(), claims.LEASE)
    delivered = None
    try:
        delivered = _deliver(flight.endpoint, claims.claim(hint.webhook_id, hint.delivery_id, clock()), clock)
    finally:
        flights.leave(flight, clock(), delivered=delivered)
    if not delivered:
        raise _Failed
    return "delivered"


def _deliver(endpoint: Endpoint, claimed: claims.Claim, clock: Clock) -> bool:
    """Whether the endpoint took it."""
    began = clock()
    answer = _send(endpoint, claimed.delivery, began)
    ended = clock()
    jitter = random.random()  # noqa: S311 - nobody gains by guessing it
    then = after(claimed.delivery.tries, answer, ended, jitter)
    claims.finish(claimed, attempt(answer, began), then, ended)
    if answer.gone:
        flights.disable(endpoint, _GONE, ended)
    return answer.delivered


def _send(endpoint: Endpoint, delivery: Delivery, now: datetime) -> Answer:
    headers = signatures.headers(delivery.message_id, now, delivery.body, endpoint.signing(now))
    began = time.monotonic()
    try:
        reply = outward.post(endpoint.url, delivery.body.encode(), headers, seconds=DEADLINE_SECONDS, most=ANSWER_BYTES)
    except outward.Unanswered as error:
        return Answer(error=error.code, detail=error.detail, latency_ms=_milliseconds(began))
    return Answer(reply.status, reply.retry_after, reply.body, _milliseconds(began))


def _rest(hint: Hint, clock: Clock, *, circuit: CircuitInfo) -> str:
    now = clock()
    opened = circuit.opened_at if circuit.opened_at is not None else now.timestamp()
    claims.put_off(hint, now, least=opened + REST_SECONDS - now.timestamp(), longest=LONGEST_REST)
    return "put off"


def _is_resting(webhook_id: str) -> bool:
    """Whether its circuit is open, or half open. It is known for a few seconds without a call."""
    return bool(_circuits().get_state(webhook_id).state != CircuitState.CLOSED)


@cache
def _circuits() -> Any:
    return CircuitBreakerDynamoDBPersistence(setting("CIRCUITS_TABLE"), boto3_client=clients.client("dynamodb"))


def _milliseconds(began: float) -> int:
    return round(1000 * (time.monotonic() - began))
