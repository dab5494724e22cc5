"""A constant grid of pictures: which one is shown when."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Generic, TypeVar

Picture = TypeVar("Picture")


class FrameGrid(Generic[Picture]):
    """Give it pictures with their times, get one for every slot. A picture is shown until the next one comes.

    The first one is shown from the beginning, the last one to the end. `count` is the number of slots.
    """

    def __init__(self, rate: Fraction, duration: float) -> None:
        self.count = max(1, round(duration * rate))
        self._rate = float(rate)
        self._next_slot = 0
        self._shown: Picture | None = None

    def add(self, picture: Picture, time: float) -> Iterator[Picture]:
        """The pictures of the slots before this one; `time` in seconds from the start of the source."""
        slot = min(int(time * self._rate + 0.5), self.count - 1)
        if self._shown is not None:
            yield from self._until(slot)
        self._shown = picture

    def finish(self) -> Iterator[Picture]:
        yield from self._until(self.count)

    def _until(self, slot: int) -> Iterator[Picture]:
        while self._next_slot < slot and self._shown is not None:
            self._next_slot += 1
            yield self._shown
