"""The WebSocket API: connections and the messages of clients. functions/broadcast sends the states of jobs."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, WebsocketEvent

from mediajobs.accounts import authentication_service, usage
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

app = Chalice(app_name="websocket")
logger = Logger()

Answer = dict[str, Any]
EventHandler = Callable[[dict[str, Any], Any], Answer]
_COUNTER = usage.counter("GET /socket", HTTPStatus.OK)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> Answer:
    """Authenticates a connection, which counts as a request of its key. The key is never logged."""
    try:
        caller = authentication_service.by_key(_key(event.to_dict()), _COUNTER)
    except RateLimitExceeded:
        return _answer(event, HTTPStatus.TOO_MANY_REQUESTS)
    if caller is None:
        return _answer(event, HTTPStatus.UNAUTHORIZED)
    connection_store.save(Connection(event.connection_id, caller.account, caller.key_id))
    return _answer(event, HTTPStatus.OK)


@app.on_ws_message()
def message(event: WebsocketEvent) -> Answer:
    """Handles a message. Messages have a limit for each connection; they do not count against the key."""
    if not connection_store.count_message(event.connection_id):
        push_client.push(messages.too_many_messages(), [event.connection_id])
        push_client.close(event.connection_id)
        return _answer(event, HTTPStatus.TOO_MANY_REQUESTS)
    state = connection_store.get(event.connection_id)
    if state is None:
        push_client.close(event.connection_id)
    elif broadcast_service.is_revoked(state.connection.key_id):
        broadcast_service.disconnect(state)
    else:
        for data in _replies(state, messages.read(event.body)):
            push_client.push(data, [event.connection_id])
    return _answer(event, HTTPStatus.OK)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> Answer:
    state = connection_store.get(event.connection_id)
    if state is not None:
        subscriber_store.delete_connection(state)
    return _answer(event, HTTPStatus.OK)


_HANDLERS: dict[str, EventHandler] = {"CONNECT": connect, "MESSAGE": message, "DISCONNECT": disconnect}


def handle(event: dict[str, Any], context: Any) -> Answer:
    """Handles all events of a socket in one function, so that a message seldom meets a cold start."""
    return _HANDLERS[event["requestContext"]["eventType"]](event, context)


def _replies(state: ConnectionState, request: Message | None) -> list[bytes]:
    """Returns the replies to a request. States of jobs are not among them: they are sent by way of the stream."""
    if request is None:
        return [messages.bad_message()]
    if request.action == "ping":
        return [messages.PONG]
    if request.action == "subscribe":
        return _subscribe(state, request)
    if request.all:
        subscription_service.unsubscribe_from_all(state)
    else:
        subscription_service.unsubscribe(state.connection, request.job_ids)
    return []


def _subscribe(state: ConnectionState, request: Message) -> list[bytes]:
    if request.all:
        subscription_service.subscribe_to_all(state.connection)
    try:
        unknown = subscription_service.subscribe(state, request.job_ids)
    except subscription_service.TooManyJobs:
        return [messages.too_many_jobs()]
    return [messages.unknown_jobs(unknown)] if unknown else []


def _key(event: dict[str, Any]) -> str:
    """Returns the key of the header or, because browsers cannot set one, of the query. Empty where there is none."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return headers.get("x-api-key") or (event.get("queryStringParameters") or {}).get("api_key") or ""


def _answer(event: WebsocketEvent, status: HTTPStatus) -> Answer:
    event_type = event.to_dict()["requestContext"]["eventType"]
    logger.info("socket", event=event_type, connection_id=event.connection_id, status=status.value)
    return {"statusCode": status.value}
