"""Listeners on WebSockets, as a client would write them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 60.0  # seconds for one frame on a busy machine
Frame = dict[str, Any]


@asynccontextmanager
async def listener(ws_url: str, key: str, *, in_query: bool = False) -> AsyncIterator[ClientConnection]:
    url, headers = (f"{ws_url}?api_key={key}", {}) if in_query else (ws_url, {"X-API-Key": key})
    async with connect(
        url, additional_headers=headers, proxy=None, open_timeout=PATIENCE, ping_interval=None
    ) as socket:
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> Frame:
    async with asyncio.timeout(PATIENCE):
        frame: Frame = json.loads(await socket.recv())
    return frame


async def hear_to_the_end(socket: ClientConnection) -> list[Frame]:
    """Every frame up to `complete`."""
    frames = [await hear(socket)]
    while frames[-1]["event"] != "complete":
        frames.append(await hear(socket))
    return frames


async def silent(socket: ClientConnection, seconds: float = 0.5) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await socket.recv()
    except TimeoutError:
        return True
    return False
