"""Cancels a poll for a task whose client has disconnected.

Without this patch MiniStack continues a GetActivityTask for 60 s after its client disconnected, and then gives the next
task to that request, where it is lost.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from infra.local.ministack_patches.asgi import App, Message, Receive, Send


def cancel_abandoned_polls(app: App) -> App:
    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if not _is_poll(scope):
            await app(scope, receive, send)
            return
        request = [await receive()]
        while request[-1].get("more_body"):
            request.append(await receive())
        await _first_completed(app(scope, _replay(request), send), receive())

    return wrapped


def _is_poll(scope: Message) -> bool:
    return scope["type"] == "http" and any(
        name == b"x-amz-target" and value.endswith(b".GetActivityTask") for name, value in scope["headers"]
    )


def _replay(request: list[Message]) -> Receive:
    async def receive() -> Message:
        if request:
            return request.pop(0)
        return await asyncio.Future()  # the wrapper waits for the disconnect

    return receive


async def _first_completed(response: Awaitable[Any], disconnect: Awaitable[Message]) -> None:
    """Waits for one of the two and cancels the other."""
    tasks = [asyncio.ensure_future(response), asyncio.ensure_future(disconnect)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
