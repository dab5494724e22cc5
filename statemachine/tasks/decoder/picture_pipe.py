"""Writes raw pictures into a pipe without a copy of their samples, where the kernel can: a film holds 1 GB a minute."""

import ctypes
import fcntl
import os
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.uint8]


class PicturePipe:
    """Writes the planes of `count` pictures. One that is shown again is the same object.

    vmsplice(2) puts the pages of the samples themselves into the pipe. So a picture is kept until as many bytes as the
    pipe can hold were written after it, and the last ones, after which nothing is written, are copied.
    """

    def __init__(self, descriptor: int, count: int) -> None:
        self._descriptor, self._left = descriptor, count
        self._capacity = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
        self._splice = _vmsplice()
        self._frame: Any = None
        self._planes: list[Samples] = []
        self._kept: deque[tuple[Any, int]] = deque()  # pictures, oldest first, with their bytes
        self._kept_bytes = 0

    def add(self, _slot: int, frame: Any) -> None:
        if frame is not self._frame:
            self._frame, self._planes = frame, [_samples(plane) for plane in frame.planes]
        size = sum(plane.nbytes for plane in self._planes)
        self._left -= 1
        splices = self._splice and self._left * size >= self._capacity
        for plane in self._planes:
            if splices:
                self._put(plane)
            else:
                self._copy(plane)
        self._keep(size)

    def finish(self) -> None:
        os.close(self._descriptor)

    def _put(self, plane: Samples) -> None:
        address, end = plane.ctypes.data, plane.ctypes.data + plane.nbytes
        while address < end:
            written = self._splice(self._descriptor, _Piece(address, end - address), 1, 0)
            if written < 0:
                raise _error()
            address += written

    def _copy(self, plane: Samples) -> None:
        rest = plane.data.cast("B")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _keep(self, size: int) -> None:
        self._kept.append(((self._frame, self._planes), size))
        self._kept_bytes += size
        while self._kept_bytes - self._kept[0][1] >= self._capacity:
            self._kept_bytes -= self._kept.popleft()[1]


class _Piece(ctypes.Structure):
    """A `struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _vmsplice() -> Any:
    """The function of the C library, or None where there is none."""
    splice = getattr(ctypes.CDLL(None, use_errno=True), "vmsplice", None)
    if splice is not None:
        splice.argtypes = (ctypes.c_int, ctypes.POINTER(_Piece), ctypes.c_ulong, ctypes.c_uint)
        splice.restype = ctypes.c_ssize_t
    return splice


def _error() -> OSError:
    """As Python's own functions raise it, such as BrokenPipeError."""
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def _samples(plane: Any) -> Samples:
    """A plane's samples without what fills its lines up; no copy where nothing does."""
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(lines[:, : plane.width])
