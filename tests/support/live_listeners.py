"""Listeners on WebSockets, as a client would write them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.waiting import HANG_SECONDS

Frame = dict[str, Any]


@asynccontextmanager
async def listener(ws_url: str, key: str, *, in_query: bool = False) -> AsyncIterator[ClientConnection]:
    url, headers = (f"{ws_url}?api_key={key}", {}) if in_query else (ws_url, {"X-API-Key": key})
    async with connect(
        url, additional_headers=headers, proxy=None, open_timeout=HANG_SECONDS, ping_interval=None
    ) as socket:
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> Frame:
    async with asyncio.timeout(HANG_SECONDS):
        frame: Frame = json.loads(await socket.recv())
    return frame


async def hear_to_the_end(socket: ClientConnection) -> list[Frame]:
    """Every frame up to `complete`."""
    frames = [await hear(socket)]
    while frames[-1]["event"] != "complete":
        frames.append(await hear(socket))
    return frames


async def is_silent(socket: ClientConnection) -> bool:
    """Nothing was sent before the answer to a ping."""
    await say(socket, action="ping")
    return bool((await hear(socket))["event"] == "pong")
