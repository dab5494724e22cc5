"""Keeps samples in step with their timestamps: silence where there is nothing, no sample twice."""

from collections import deque
from collections.abc import Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # one row for each channel

_GAP_SECONDS = 0.1  # from which on a difference is mended at once
_DRIFT_SECONDS = 0.02  # a smaller one where it lasts
_DRIFT_CHUNKS = 40  # of which the median counts: single timestamps are late or early
_SILENCE_SECONDS = 1.0  # that are written at a time


class SampleClock:
    """Takes chunks with their times, gives samples from time 0 to `duration` seconds, at `rate` Hz."""

    def __init__(self, rate: int, channels: int, duration: float) -> None:
        self._rate, self._channels = rate, channels
        self._total = round(duration * rate)
        self._written = 0
        self._differences: deque[int] = deque(maxlen=_DRIFT_CHUNKS)

    @property
    def is_full(self) -> bool:
        return self._written >= self._total

    def add(self, chunk: Samples, time: float) -> Iterator[Samples]:
        """`time` in seconds of the chunk's first sample."""
        missing = self._correction(round(time * self._rate) - self._written)
        if missing > 0:
            yield from self._silence(missing)
        yield from self._limited(chunk[:, max(0, -missing) :])

    def finish(self) -> Iterator[Samples]:
        yield from self._silence(self._total - self._written)

    def _correction(self, difference: int) -> int:
        """Samples to add, or below 0 to leave out."""
        self._differences.append(difference)
        is_gap = abs(difference) >= _GAP_SECONDS * self._rate or not self._written
        lasts = len(self._differences) == _DRIFT_CHUNKS
        drift = round(median(self._differences)) if lasts else 0
        if is_gap or abs(drift) >= _DRIFT_SECONDS * self._rate:
            self._differences.clear()
            return difference if is_gap else drift
        return 0

    def _silence(self, count: int) -> Iterator[Samples]:
        size = int(self._rate * _SILENCE_SECONDS)
        silence = np.zeros((self._channels, size), np.float32)
        for start in range(0, count, size):
            yield from self._limited(silence[:, : min(size, count - start)])

    def _limited(self, chunk: Samples) -> Iterator[Samples]:
        kept = chunk[:, : self._total - self._written]
        self._written += kept.shape[1]
        if kept.shape[1]:
            yield kept
