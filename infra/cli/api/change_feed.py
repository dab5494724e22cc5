"""Signals when a job may have changed: by WebSocket, else by server-sent events, else by polling every second."""

import json
import time
from collections.abc import Generator, Iterator
from typing import Any, Literal

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from infra.cli.api.client import CONNECT_TIMEOUT_SECONDS, Client
from infra.cli.command_errors import CommandError

POLL_SECONDS = 1.0  # 60 of the 100 requests a minute that a key has by default
MAX_SILENCE_SECONDS = 10.0  # on a WebSocket, after which a signal is given without a message


class ChannelUnavailable(Exception):
    """This channel sends no signals."""


def change_signals(client: Client, job_id: str) -> Generator[None, None, None]:
    """Yields whenever the job may have changed, for ever."""
    for channel in (_websocket_signals, _event_signals):
        try:
            yield from channel(client, job_id)
        except ChannelUnavailable:
            continue
    while True:
        time.sleep(POLL_SECONDS)
        yield


def _websocket_signals(client: Client, job_id: str) -> Iterator[None]:
    if client.ws_url is None:
        raise ChannelUnavailable
    proxy: Literal[True] | None = True if client.uses_proxies else None
    try:
        with connect(
            client.ws_url, additional_headers=client.credentials, open_timeout=CONNECT_TIMEOUT_SECONDS, proxy=proxy
        ) as websocket:
            websocket.send(json.dumps({"action": "subscribe", "job_ids": [job_id]}))
            while True:
                message = _receive(websocket)
                if isinstance(message, dict) and message.get("event") == "error":
                    raise ChannelUnavailable
                yield
    except (OSError, WebSocketException, ValueError) as error:
        raise ChannelUnavailable from error


def _receive(websocket: ClientConnection) -> Any:
    """The next message; None after MAX_SILENCE_SECONDS."""
    try:
        return json.loads(websocket.recv(timeout=MAX_SILENCE_SECONDS))
    except TimeoutError:
        return None


def _event_signals(client: Client, job_id: str) -> Iterator[None]:
    last_id: str | None = None
    while True:
        try:
            event_id, wait_seconds = client.events(job_id, last_id)
        except CommandError as error:
            raise ChannelUnavailable from error
        if event_id is not None:
            last_id = event_id
            yield
        time.sleep(wait_seconds)
