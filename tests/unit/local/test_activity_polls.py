"""A poll of the local stack whose client is gone takes no task along."""

import asyncio
from typing import Any

from infra.local.ministack_patches.activity_polls import cancel_abandoned_polls
from infra.local.ministack_patches.asgi import App, Message, Receive, Send

POLL = {"type": "http", "headers": [(b"x-amz-target", b"AWSStepFunctions.GetActivityTask")]}
OTHER = {"type": "http", "headers": [(b"x-amz-target", b"AWSStepFunctions.SendTaskSuccess")]}


def ministack(polls: list[str]) -> App:
    """Holds a request until it is cancelled."""

    async def play(_scope: Message, receive: Receive, _send: Send) -> None:
        assert (await receive())["body"] == b"{}"
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            polls.append("cancelled")
            raise

    return play


async def client_leaves(app: App, scope: Message) -> None:
    """Sends a request in two pieces, and hangs up."""
    coming: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{}", "more_body": True},
        {"type": "http.request", "body": b""},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return coming.pop(0)

    async def send(_message: Message) -> None:
        raise AssertionError("nobody is there")

    await app(scope, receive, send)


def test_a_poll_ends_with_its_client() -> None:
    polls: list[str] = []
    asyncio.run(client_leaves(cancel_abandoned_polls(ministack(polls)), POLL))
    assert polls == ["cancelled"]


def test_another_request_goes_on_without_its_client() -> None:
    polls: list[str] = []

    async def request() -> None:
        answering = asyncio.create_task(client_leaves(cancel_abandoned_polls(ministack(polls)), OTHER))
        for _ in range(100):  # many more steps than the end of a poll takes
            await asyncio.sleep(0)
        assert not answering.done()
        assert polls == []
        answering.cancel()

    asyncio.run(request())
