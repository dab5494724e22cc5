"""A function that refuses $connect says how: API Gateway answers the handshake with its status, MiniStack with 403."""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from infra.local.gateway import App, Message, Receive, Send

Invoke = Callable[..., Awaitable[dict[str, Any] | None]]

_refused: ContextVar[int | None] = ContextVar("refused", default=None)


def noting_refusals(invoke: Invoke) -> Invoke:
    """MiniStack's invocation of a WebSocket route's function."""

    async def wrapped(*route: Any, **more: Any) -> dict[str, Any] | None:
        answer = await invoke(*route, **more)
        status = int((answer or {}).get("statusCode", 200))
        _refused.set(status if status >= 300 else None)
        return answer

    return wrapped


def refusing(app: App) -> App:
    """The app, whose handshakes end with the status that the function gave."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        accepted = False

        async def answer(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            status = _refused.get()
            if accepted or status is None or message["type"] != "websocket.close":
                await send(message)
                return
            headers = [(b"content-type", b"application/json")]
            await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
            body = json.dumps({"message": HTTPStatus(status).phrase}).encode()
            await send({"type": "websocket.http.response.body", "body": body})

        _refused.set(None)
        await app(scope, receive, answer)

    return wrapped
