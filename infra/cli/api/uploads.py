"""A source from disk to S3: one streaming PUT, or parts side by side."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import requests

from infra.cli.api.client import Client
from infra.cli.api.documents import Part, Upload
from infra.cli.errors import CommandError, RefusedError

SIDE_BY_SIDE = 4
PATIENCE = (20, 120)  # seconds to connect, to read: S3 answers when it has stored everything
Advance = Callable[[int], None]  # bytes sent; negative where a try starts again


def upload(client: Client, plan: Upload, path: Path, advance: Advance) -> None:
    """Send the file as `plan` says. Ends only when S3 has it all; raises CommandError otherwise."""
    with path.open("rb") as file:
        if plan.parts and plan.complete_url:
            client.complete_upload(plan.complete_url, _send_parts(client, plan.parts, file, advance))
        elif plan.url:
            _send_whole(client, plan.url, Slice(file, 0, _size(file), advance, threading.Event()), plan.headers)
        else:
            raise CommandError("The API's answer names no address to upload to.")


class Slice:
    """A range of a file as a request body: counts what is read and can be rewound for another try."""

    def __init__(self, file: BinaryIO, offset: int, size: int, advance: Advance, stopped: threading.Event) -> None:
        self._file, self._offset, self._size, self._advance, self._stopped = file, offset, size, advance, stopped
        self._sent = 0

    def rewound(self) -> "Slice":
        self._advance(-self._sent)
        self._sent = 0
        return self

    def __len__(self) -> int:
        """Bytes left, which requests takes for the Content-Length."""
        return self._size - self._sent

    def read(self, size: int = -1) -> bytes:
        if self._stopped.is_set():
            raise CommandError("The upload was stopped.")
        wanted = len(self) if size < 0 else min(size, len(self))
        data = os.pread(self._file.fileno(), wanted, self._offset + self._sent)  # shares no position with others
        if len(data) < wanted:
            raise CommandError(f"{self._file.name} became shorter while it was sent.")
        self._sent += len(data)
        self._advance(len(data))
        return data


def _send_whole(client: Client, url: str, whole: Slice, headers: dict[str, str]) -> None:
    try:
        _put(client, url, whole, headers)
    except RefusedError as refusal:
        # An earlier try arrived after all: its answer was lost.
        if refusal.status != HTTPStatus.PRECONDITION_FAILED:
            raise


def _send_parts(client: Client, parts: list[Part], file: BinaryIO, advance: Advance) -> list[dict[str, Any]]:
    """Four at a time; the first that fails stops the others. Gives [{part_number, etag}] in order."""
    stopped = threading.Event()
    offsets = [sum(part.size for part in parts[:index]) for index in range(len(parts))]
    if sum(part.size for part in parts) != _size(file):
        raise CommandError(f"{file.name} has another size than when the upload was asked for.")

    def send(part: Part, offset: int) -> dict[str, Any]:
        response = _put(client, part.url, Slice(file, offset, part.size, advance, stopped), {})
        return {"part_number": part.part_number, "etag": response.headers["ETag"]}

    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="upload") as pool:
        waiting = [pool.submit(send, part, offset) for part, offset in zip(parts, offsets, strict=True)]
        try:
            return [one.result() for one in waiting]
        except BaseException:  # Ctrl-C too: no thread may send on
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _put(client: Client, url: str, source: Slice, headers: dict[str, str]) -> requests.Response:
    return client.send("PUT", url, headers=headers, body=source.rewound, timeout=PATIENCE)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
