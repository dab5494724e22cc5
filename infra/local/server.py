"""MiniStack, with one repair: a poll whose client is gone takes no task.

MiniStack goes on with GetActivityTask for 60 s after its client has left, and then gives the next task to nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import ministack.app

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Coroutine[Any, Any, Any]]


def without_ghosts(app: App) -> App:
    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if not _is_poll(scope):
            await app(scope, receive, send)
            return
        request = [await receive()]
        while request[-1].get("more_body"):
            request.append(await receive())
        await _answer_or_leave(app(scope, _replayed(request), send), receive())

    return wrapped


def _is_poll(scope: Message) -> bool:
    return scope["type"] == "http" and any(
        name == b"x-amz-target" and value.endswith(b".GetActivityTask") for name, value in scope["headers"]
    )


def _replayed(request: list[Message]) -> Receive:
    async def receive() -> Message:
        if request:
            return request.pop(0)
        return await asyncio.Future()  # the wrapper listens for the disconnect

    return receive


async def _answer_or_leave(answering: Awaitable[Any], leaving: Awaitable[Message]) -> None:
    tasks = [asyncio.ensure_future(answering), asyncio.ensure_future(leaving)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    ministack.app.app = without_ghosts(ministack.app.app)
    ministack.app.main()  # type: ignore[no-untyped-call]
