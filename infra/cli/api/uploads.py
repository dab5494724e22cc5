"""Uploads a source to S3: in one streamed PUT, or in parts in parallel."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import requests

from infra.cli.api.client import Client
from infra.cli.api.documents import Upload, UploadPart
from infra.cli.command_errors import ApiError, CommandError

MAX_PARALLEL_PARTS = 4
TIMEOUT_SECONDS = (20, 120)  # to connect, to read: S3 answers after it has stored everything
Advance = Callable[[int], None]  # gets the bytes sent; negative if an attempt starts again


def upload(client: Client, plan: Upload, path: Path, advance: Advance) -> None:
    """Uploads the file as `plan` says. Returns after S3 has stored it. Raises CommandError."""
    with path.open("rb") as file:
        if plan.parts and plan.complete_url:
            client.complete_upload(plan.complete_url, _send_parts(client, plan.parts, file, advance))
        elif plan.url:
            source = FileSlice(file, 0, _size(file), advance, threading.Event())
            _send_single(client, plan.url, source, plan.headers)
        else:
            raise CommandError("The API's answer names no address to upload to.")


class FileSlice:
    """A range of a file as a request body. Reports the bytes read, and can be rewound for another attempt."""

    def __init__(self, file: BinaryIO, offset: int, size: int, advance: Advance, stopped: threading.Event) -> None:
        self._file, self._offset, self._size, self._advance, self._stopped = file, offset, size, advance, stopped
        self._sent = 0

    def rewound(self) -> "FileSlice":
        self._advance(-self._sent)
        self._sent = 0
        return self

    def __len__(self) -> int:
        """The bytes not yet read, which requests uses as Content-Length."""
        return self._size - self._sent

    def read(self, size: int = -1) -> bytes:
        if self._stopped.is_set():
            raise CommandError("The upload was stopped.")
        count = len(self) if size < 0 else min(size, len(self))
        data = os.pread(self._file.fileno(), count, self._offset + self._sent)  # thread-safe: uses no file position
        if len(data) < count:
            raise CommandError(f"{self._file.name} became shorter while it was sent.")
        self._sent += len(data)
        self._advance(len(data))
        return data


def _send_single(client: Client, url: str, source: FileSlice, headers: dict[str, str]) -> None:
    try:
        _put(client, url, source, headers)
    except ApiError as error:
        # An earlier attempt was stored, but its response was lost.
        if error.status != HTTPStatus.PRECONDITION_FAILED:
            raise


def _send_parts(client: Client, parts: list[UploadPart], file: BinaryIO, advance: Advance) -> list[dict[str, Any]]:
    """Uploads MAX_PARALLEL_PARTS at a time; the first failure stops all. Returns [{part_number, etag}] in order."""
    stopped = threading.Event()
    offsets = [sum(part.size for part in parts[:index]) for index in range(len(parts))]
    if sum(part.size for part in parts) != _size(file):
        raise CommandError(f"{file.name} has another size than when the upload was requested.")

    def send(part: UploadPart, offset: int) -> dict[str, Any]:
        response = _put(client, part.url, FileSlice(file, offset, part.size, advance, stopped), {})
        return {"part_number": part.part_number, "etag": response.headers["ETag"]}

    with ThreadPoolExecutor(MAX_PARALLEL_PARTS, thread_name_prefix="upload") as pool:
        futures = [pool.submit(send, part, offset) for part, offset in zip(parts, offsets, strict=True)]
        try:
            return [future.result() for future in futures]
        except BaseException:  # KeyboardInterrupt as well: no thread may continue to send
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _put(client: Client, url: str, source: FileSlice, headers: dict[str, str]) -> requests.Response:
    return client.send("PUT", url, headers=headers, body=source.rewound, timeout=TIMEOUT_SECONDS)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
