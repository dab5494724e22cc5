"""The WebSocket API: connections and the messages of clients. functions/broadcast sends the states of jobs."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, WebsocketEvent

from mediajobs import clock, log_format
from mediajobs.accounts import authentication_service, usage
from mediajobs.accounts.api_keys import split_key
from mediajobs.accounts.rate_limits import RateLimitExceeded
from mediajobs.live_progress import (
    broadcast_service,
    connection_service,
    connection_store,
    messages,
    push_client,
    subscriber_store,
    subscription_service,
)
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.messages import Message

app = Chalice(app_name="websocket")
logger = Logger(json_serializer=log_format.to_json)

Answer = dict[str, Any]
EventHandler = Callable[[dict[str, Any], Any], Answer]
_COUNTER = usage.counter("GET /socket", HTTPStatus.OK)
# Why a connection is refused, and what to do about it.
_REASONS = {
    "key": "The API key is missing, malformed, unknown or revoked. Send it in X-API-Key, or as ?api_key=.",
    "rate_limit": "The key's requests of this minute are used up. Connect again in a minute.",
    "too_many_connections": "The account has as many open connections as it may have. Close one first.",
}


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> Answer:
    """Authenticates a connection, which counts as a request of its key. The key is never logged."""
    key = _key(event.to_dict())
    key_id = (split_key(key) or ("", ""))[0]
    try:
        caller = authentication_service.by_key(key, _COUNTER)
    except RateLimitExceeded as error:
        return _refuse(HTTPStatus.TOO_MANY_REQUESTS, "rate_limit", key_id, error.account)
    if caller is None:
        return _refuse(HTTPStatus.UNAUTHORIZED, "key", key_id)
    connection = Connection(event.connection_id, caller.account, caller.key_id)
    try:
        connection_service.open_connection(connection)
    except connection_service.TooManyConnections:
        return _refuse(HTTPStatus.FORBIDDEN, "too_many_connections", key_id, caller.account)
    return _answer(HTTPStatus.OK, connection)


@app.on_ws_message()
def message(event: WebsocketEvent) -> Answer:
    """Handles a message. Messages have a limit for each connection; they do not count against the key."""
    is_within_limit = connection_store.count_message(event.connection_id)
    state = connection_store.get(event.connection_id)
    connection = state.connection if state else None
    if not is_within_limit:
        push_client.push(messages.too_many_messages(), [event.connection_id])
        push_client.close(event.connection_id)
        return _answer(HTTPStatus.TOO_MANY_REQUESTS, connection)
    if state is None:
        push_client.close(event.connection_id)
    elif broadcast_service.is_revoked(state.connection.key_id):
        broadcast_service.disconnect(state)
    else:
        for data in _replies(state, messages.read(event.body)):
            push_client.push(data, [event.connection_id])
    return _answer(HTTPStatus.OK, connection)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> Answer:
    state = connection_store.get(event.connection_id)
    if state is not None:
        subscriber_store.delete_connection(state)
    return _answer(HTTPStatus.OK, state.connection if state else None)


_HANDLERS: dict[str, EventHandler] = {"CONNECT": connect, "MESSAGE": message, "DISCONNECT": disconnect}


def handle(event: dict[str, Any], context: Any) -> Answer:
    """Handles all events of a socket in one function, so that a message seldom meets a cold start."""
    started, answer = clock.monotonic(), _answer(HTTPStatus.INTERNAL_SERVER_ERROR)
    try:
        answer = _HANDLERS[event["requestContext"]["eventType"]](event, context)
        return {name: value for name, value in answer.items() if name != "who"}
    finally:
        line = _fields(event) | answer["who"] | {"status": answer["statusCode"], "latency_ms": _passed(started)}
        logger.info("socket", **line)


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


def _answer(status: HTTPStatus, connection: Connection | None = None) -> Answer:
    """`who` is for the log alone."""
    key_id, account = (connection.key_id, connection.account) if connection else (None, None)
    return {"statusCode": status.value, "who": {"key_id": key_id, "account": account}}


def _refuse(status: HTTPStatus, reason: str, key_id: str, account: str | None = None) -> Answer:
    """Refuses a connection. `key_id` is the one that was shown, which proves nothing."""
    who = {"key_id": key_id or None, "account": account, "reason": reason}
    body = json.dumps({"error": reason, "message": _REASONS[reason]})
    return {"statusCode": status.value, "headers": {"Content-Type": "application/json"}, "body": body, "who": who}


def _fields(event: dict[str, Any]) -> dict[str, Any]:
    context = event["requestContext"]
    return {
        "event": context["eventType"],
        "route": context.get("routeKey"),
        "connection_id": context["connectionId"],
        "request_id": context.get("requestId"),
        "source_ip": (context.get("identity") or {}).get("sourceIp"),
    }


def _passed(started: float) -> int:
    """Returns the milliseconds since `started`."""
    return round((clock.monotonic() - started) * 1000)
