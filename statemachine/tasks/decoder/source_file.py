"""A source as a file that PyAV reads: every read asks the task, over a socket, for some of its bytes.

So a decoder needs no network, no address and no credentials. A request is an offset and a number of bytes; the answer
is the number of bytes that follow, fewer than asked for only at the end of the source, and these.
"""

import os
import struct

from mediajobs.errors import JobError

REQUEST, LENGTH = struct.Struct(">QI"), struct.Struct(">I")
READ_BYTES = 256 << 10  # bytes that are asked for at once


class SourceFile:
    """Reads and seeks. Raises JobError `source_unavailable` where the task has no answer."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._descriptor, self._position = descriptor, 0

    def read(self, size: int) -> bytes:
        data = self.read_at(self._position, size)
        self._position += len(data)
        return data

    def read_at(self, offset: int, size: int) -> bytes:
        wanted = max(0, min(size, READ_BYTES, self.size - offset))
        if not wanted:
            return b""
        try:
            os.write(self._descriptor, REQUEST.pack(offset, wanted))
            (length,) = LENGTH.unpack(self._receive(LENGTH.size))
            return bytes(self._receive(length))
        except OSError as error:
            raise unavailable() from error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def _receive(self, size: int) -> bytearray:
        received = bytearray(size)
        rest = memoryview(received)
        while rest:
            count = os.readv(self._descriptor, [rest])
            if not count:
                raise unavailable()
            rest = rest[count:]
        return received


def unavailable() -> JobError:
    return JobError("source_unavailable", "the source cannot be read from storage; retry the job", retryable=True)
