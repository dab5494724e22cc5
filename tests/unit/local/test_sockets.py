"""How the local stack refuses a WebSocket."""

import asyncio
import json
from typing import Any

import pytest

from infra.local.ministack_patches.asgi import App, Message, Receive, Send
from infra.local.ministack_patches.websocket_handshakes import record_refusals, send_refusal_status


def app(*answers: dict[str, Any] | None, kind: str = "websocket") -> App:
    """As MiniStack: the first invocation decides over the handshake, the others are of messages."""
    coming = list(answers)

    async def invoke(*_: Any, **__: Any) -> dict[str, Any] | None:
        return coming.pop(0)

    told = record_refusals(invoke)

    async def play(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == kind
        answer = await told("$connect")
        if int((answer or {}).get("statusCode", 200)) >= 300:
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        while coming:
            await told("$default")
        await send({"type": "websocket.close", "code": 1000})

    return play


def sent(play: App, kind: str = "websocket") -> list[Message]:
    out: list[Message] = []

    async def send(message: Message) -> None:
        out.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    asyncio.run(send_refusal_status(play)({"type": kind}, receive, send))
    return out


@pytest.mark.parametrize(("status", "word"), [(401, "Unauthorized"), (403, "Forbidden"), (429, "Too Many Requests")])
def test_a_refused_handshake_ends_with_the_functions_status(status: int, word: str) -> None:
    start, body = sent(app({"statusCode": status}))
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    assert json.loads(body["body"]) == {"message": word}


@pytest.mark.parametrize("later", [{"statusCode": 200}, {"statusCode": 500}, None])
def test_an_open_socket_closes_as_sockets_do(later: dict[str, Any] | None) -> None:
    assert [message["type"] for message in sent(app({"statusCode": 200}, later))] == [
        "websocket.accept", "websocket.close"
    ]  # fmt: skip


def test_whatever_is_no_socket_passes() -> None:
    kinds = [message["type"] for message in sent(app({"statusCode": 401}, kind="http"), "http")]
    assert kinds == ["websocket.close"]
