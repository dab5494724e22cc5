"""Reads a source from the bucket for decoders, which have no network: see `decoder.source_file`."""

import socket
from contextlib import ExitStack, closing
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from botocore.response import StreamingBody

from mediajobs.aws import backoff
from mediajobs.storage.bucket_store import READ_ERRORS, MediaBucket
from statemachine.tasks.decoder.source_file import LENGTH, READ_BYTES, REQUEST, unavailable

OPEN_READS = 4  # of one decoder: where sound and picture lie far apart, it goes to and fro
SKIPPED_BYTES = 512 << 10  # at most, to go on with a read instead of beginning another
READ_ATTEMPTS = 4


@dataclass(frozen=True)
class StoredSource:
    """A source in the bucket. Its bytes are those with this ETag, or none."""

    bucket: MediaBucket
    key: str
    size: int
    etag: str

    @staticmethod
    def of(bucket: MediaBucket, key: str) -> "StoredSource":
        """Raises JobError `source_unavailable` where there is none."""
        version = bucket.version(key)
        if version is None:
            raise unavailable()
        return StoredSource(bucket, key, version.size_bytes, version.etag)

    def serve(self, connection: socket.socket) -> None:
        """Answers one decoder until it closes its end. Raises JobError `source_unavailable`."""
        with connection.makefile("rb") as requests, closing(_Reads(self)) as reads:
            while len(request := requests.read(REQUEST.size)) == REQUEST.size:
                offset, size = REQUEST.unpack(request)
                data = reads.read(offset, min(size, READ_BYTES))
                try:
                    connection.sendall(LENGTH.pack(len(data)) + data)
                except OSError:  # the decoder has ended
                    return


class _Reads:
    """The reads in progress, the latest last, each with the offset where it goes on."""

    def __init__(self, source: StoredSource) -> None:
        self._source = source
        self._open: list[tuple[int, StreamingBody]] = []

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self._source.size - offset))
        for attempt in backoff.attempts(READ_ATTEMPTS, first_pause=1.0, max_pause=8.0):
            try:
                return self._read(offset, size) if size else b""
            except (*READ_ERRORS, ClientError) as error:
                if attempt == READ_ATTEMPTS - 1 or isinstance(error, ClientError):
                    raise unavailable() from error
            except BotoCoreError as error:
                raise unavailable() from error
        raise AssertionError("the loop returns or raises")

    def close(self) -> None:
        with ExitStack() as stack:
            for _, body in self._open:
                stack.callback(body.close)

    def _read(self, offset: int, size: int) -> bytes:
        position, body = self._take(offset)
        try:
            data = _exactly(body, offset - position + size)[offset - position :]
        except BaseException:  # whatever ends it: a read whose position is unknown is not used again; raised again
            body.close()
            raise
        self._open.append((offset + size, body))
        return data

    def _take(self, offset: int) -> tuple[int, StreamingBody]:
        """A read that has come near the offset, or a new one."""
        near = [entry for entry in self._open if entry[0] <= offset <= entry[0] + SKIPPED_BYTES]
        if near:
            entry = max(near, key=lambda entry: entry[0])
            self._open.remove(entry)
            return entry
        while len(self._open) >= OPEN_READS:
            self._open.pop(0)[1].close()
        source = self._source
        return offset, source.bucket.open_at(source.key, offset, etag=source.etag)


def _exactly(body: StreamingBody, size: int) -> bytes:
    parts = []
    while size:
        part = body.read(size)
        if not part:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=size)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
