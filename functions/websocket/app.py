"""The WebSocket API: who connects, and what they ask for. What they are told comes from functions/progress."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, WebsocketEvent

from mediajobs.accounts import key_store, usage
from mediajobs.accounts.rate_limits import RateLimitExceeded
from mediajobs.live_progress import (
    broadcast_service,
    connection_store,
    messages,
    push_client,
    subscriber_store,
    subscription_service,
)
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.messages import Message

app = Chalice(app_name="sockets")
logger = Logger()

Answer = dict[str, Any]
Door = Callable[[dict[str, Any], Any], Answer]
_COUNTER = usage.counter("GET /socket", HTTPStatus.OK)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> Answer:
    """A connection counts as a request of its key. The key is in no log."""
    try:
        caller = key_store.authenticate(_key(event.to_dict()), _COUNTER)
    except RateLimitExceeded:
        return _answer(event, HTTPStatus.TOO_MANY_REQUESTS)
    if caller is None:
        return _answer(event, HTTPStatus.UNAUTHORIZED)
    connection_store.save(Connection(event.connection_id, caller.account, caller.key_id))
    return _answer(event, HTTPStatus.OK)


@app.on_ws_message()
def message(event: WebsocketEvent) -> Answer:
    """Messages are not counted against the key, but each connection has its measure."""
    if not connection_store.count_message(event.connection_id):
        push_client.push(messages.too_many_messages(), [event.connection_id])
        push_client.close(event.connection_id)
        return _answer(event, HTTPStatus.TOO_MANY_REQUESTS)
    known = connection_store.get(event.connection_id)
    if known is None:
        push_client.close(event.connection_id)
    elif broadcast_service.is_revoked(known.connection.key_id):
        broadcast_service.disconnect(known)
    else:
        for data in _replies(known, messages.read(event.body)):
            push_client.push(data, [event.connection_id])
    return _answer(event, HTTPStatus.OK)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> Answer:
    known = connection_store.get(event.connection_id)
    if known is not None:
        subscriber_store.forget(known)
    return _answer(event, HTTPStatus.OK)


_DOORS: dict[str, Door] = {"CONNECT": connect, "MESSAGE": message, "DISCONNECT": disconnect}


def socket(event: dict[str, Any], context: Any) -> Answer:
    """Whatever happens on a socket comes here: one function, so that a message finds it warm."""
    return _DOORS[event["requestContext"]["eventType"]](event, context)


def _replies(known: ConnectionState, asked: Message | None) -> list[bytes]:
    """What is said at once; frames come by way of the stream."""
    if asked is None:
        return [messages.bad_message()]
    if asked.action == "ping":
        return [messages.PONG]
    if asked.action == "subscribe":
        return _subscribe(known, asked)
    if asked.all:
        subscription_service.unsubscribe_from_all(known)
    else:
        subscription_service.unsubscribe(known.connection, asked.job_ids)
    return []


def _subscribe(known: ConnectionState, asked: Message) -> list[bytes]:
    if asked.all:
        subscription_service.subscribe_to_all(known.connection)
    try:
        unknown = subscription_service.subscribe(known, asked.job_ids)
    except subscription_service.TooMany:
        return [messages.too_many()]
    return [messages.unknown(unknown)] if unknown else []


def _key(event: dict[str, Any]) -> str:
    """From the header, or from the query where a browser cannot set one; malformed where there is none."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return headers.get("x-api-key") or (event.get("queryStringParameters") or {}).get("api_key") or ""


def _answer(event: WebsocketEvent, status: HTTPStatus) -> Answer:
    kind = event.to_dict()["requestContext"]["eventType"]
    logger.info("socket", event=kind, connection_id=event.connection_id, status=status.value)
    return {"statusCode": status.value}
