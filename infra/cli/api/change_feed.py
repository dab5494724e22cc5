"""When to look at a job again: as its WebSocket says; where there is none, as its events say; else every second."""

import json
import time
from collections.abc import Generator, Iterator
from typing import Literal

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from infra.cli.api.client import CONNECT_SECONDS, Client
from infra.cli.errors import CommandError

PACE = 1.0  # seconds between two looks: 60 of the 100 requests a minute that a key has by default
LONGEST_SILENCE = 10.0  # seconds on a socket after which one looks all the same


class Deaf(Exception):
    """Nothing is to be heard this way."""


def ticks(client: Client, job_id: str) -> Generator[None, None, None]:
    """One whenever something may have changed, without an end."""
    for way in (_by_socket, _by_events):
        try:
            yield from way(client, job_id)
        except Deaf:
            continue
    while True:
        time.sleep(PACE)
        yield


def _by_socket(client: Client, job_id: str) -> Iterator[None]:
    if client.ws_url is None:
        raise Deaf
    proxy: Literal[True] | None = True if client.uses_proxies else None
    try:
        with connect(
            client.ws_url, additional_headers=client.credentials, open_timeout=CONNECT_SECONDS, proxy=proxy
        ) as socket:
            socket.send(json.dumps({"action": "subscribe", "job_ids": [job_id]}))
            while True:
                try:
                    frame = json.loads(socket.recv(timeout=LONGEST_SILENCE))
                except TimeoutError:
                    frame = {}
                if isinstance(frame, dict) and frame.get("event") == "error":
                    raise Deaf
                yield
    except (OSError, WebSocketException, ValueError) as error:
        raise Deaf from error


def _by_events(client: Client, job_id: str) -> Iterator[None]:
    last: str | None = None
    while True:
        try:
            said, pause = client.events(job_id, last)
        except CommandError as error:
            raise Deaf from error
        if said is not None:
            last = said
            yield
        time.sleep(pause)
