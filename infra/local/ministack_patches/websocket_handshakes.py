"""Answers a refused WebSocket handshake with the status of the function for $connect, as API Gateway does.

MiniStack always answers it with 403.
"""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from infra.local.ministack_patches.asgi import App, Message, Receive, Send

Invoke = Callable[..., Awaitable[dict[str, Any] | None]]

_refusal_status: ContextVar[int | None] = ContextVar("refusal_status", default=None)


def record_refusals(invoke: Invoke) -> Invoke:
    """Wraps MiniStack's invocation of a WebSocket route's function."""

    async def wrapped(*route: Any, **options: Any) -> dict[str, Any] | None:
        response = await invoke(*route, **options)
        status = int((response or {}).get("statusCode", 200))
        _refusal_status.set(status if status >= 300 else None)
        return response

    return wrapped


def send_refusal_status(app: App) -> App:
    """Wraps the app: a handshake that is refused ends with the status that the function returned."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        _refusal_status.set(None)
        await app(scope, receive, _with_refusal_status(send))

    return wrapped


def _with_refusal_status(send: Send) -> Send:
    accepted = False

    async def wrapped(message: Message) -> None:
        nonlocal accepted
        accepted = accepted or message["type"] == "websocket.accept"
        status = _refusal_status.get()
        if accepted or status is None or message["type"] != "websocket.close":
            await send(message)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        body = json.dumps({"message": HTTPStatus(status).phrase}).encode()
        await send({"type": "websocket.http.response.body", "body": body})

    return wrapped
