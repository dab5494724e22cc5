"""Chooses the thumbnail: the picture of the whole source that shows most, neither flat nor noise."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statemachine.tasks.decoder import file_names, jpeg
from statemachine.tasks.decoder.picture_filter import Size

_CANDIDATES = 48
_BLOCKS = 32  # on the longer side; noise within a block has no effect
_STEP = 4  # every fourth sample of every fourth line is looked at
_LEVELS = 32  # of brightness that are told apart
_FULL_RANGE_LIMIT = 256
_CLEAR_GAIN = 1.05  # a later candidate has to be this much better


class Thumbnail:
    """Takes every picture of the grid, and looks at some places spread over all of it."""

    def __init__(self, size: Size, count: int, folder: Path) -> None:
        self._size, self._path = size, folder / file_names.THUMBNAIL
        candidates = min(_CANDIDATES, count)
        self._slots = {int((number + 0.5) * count / candidates) for number in range(candidates)}
        self._best: Any = None
        self._most = -1.0

    def add(self, slot: int, frame: Any) -> None:
        if slot in self._slots:
            shown = detail(_luma(frame)[::_STEP, ::_STEP])
            if shown > self._most * _CLEAR_GAIN or self._best is None:
                self._best, self._most = frame, shown

    def finish(self) -> None:
        jpeg.write(jpeg.converted(self._best, self._size.width, self._size.height), self._path)


def detail(luma: NDArray[np.uint8]) -> float:
    """How much there is to see: the entropy of the brightness of blocks, in bits.

    Less counts what is alike along rows or columns, such as bars, and what differs within blocks more than between
    them, such as noise.
    """
    step = max(1, min(max(luma.shape) // _BLOCKS, *luma.shape))
    rows, columns = luma.shape[0] // step, luma.shape[1] // step
    cut = luma[: rows * step, : columns * step].reshape(rows, step, columns, step).astype(np.float32)
    blocks = cut.mean(axis=(1, 3), dtype=np.float64)
    between, within = blocks.var(), float(cut.var(axis=(1, 3)).mean())
    coherence = (between / (between + within + 1e-9)) ** 0.5
    return float(_entropy(blocks) * coherence * (_variety(blocks) + _variety(blocks.T)) / 2)


def _entropy(blocks: NDArray[np.float64]) -> float:
    counts, _ = np.histogram(blocks, bins=_LEVELS, range=(0, _FULL_RANGE_LIMIT))
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _variety(blocks: NDArray[np.float64]) -> float:
    """The share of neighbouring rows that differ."""
    return float(np.mean(np.abs(np.diff(blocks, axis=0)).mean(axis=1) > 1.0)) if len(blocks) > 1 else 0.0


def _luma(frame: Any) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
