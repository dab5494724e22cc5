"""Draws the storyboard: small pictures at regular times, side by side on sheets."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from statemachine.tasks.decoder import file_names, jpeg

_ROUNDING = 1e-6  # pictures: times are floating point numbers
_BLACK = (0, 128, 128)  # Y, Cb, Cr in full range


class Storyboard:
    """Takes every picture of the grid. Writes `storyboard-1.jpg` and so on, the last one no higher than it needs."""

    def __init__(
        self, folder: Path, rate: Fraction, *, tile: tuple[int, int], columns: int, rows: int,
        interval: float,
    ) -> None:  # fmt: skip
        self._folder, self._rate = folder, float(rate)
        self._tile, self._columns, self._rows, self._interval = tile, columns, rows, interval
        self._sheets = self._tiles = 0
        self._planes: list[Any] = []

    def add(self, slot: int, frame: Any) -> None:
        if slot >= self._next_slot():
            self._draw(jpeg.converted(frame, *self._tile))

    def finish(self) -> None:
        if self._planes:
            self._write_sheet()

    def _next_slot(self) -> float:
        number = self._sheets * self._columns * self._rows + self._tiles
        return number * self._interval * self._rate - _ROUNDING

    def _draw(self, tile: Any) -> None:
        if not self._planes:
            width, height = self._tile[0] * self._columns, self._tile[1] * self._rows
            shapes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
            self._planes = [np.full(shape, black, np.uint8) for shape, black in zip(shapes, _BLACK, strict=True)]
        row, column = divmod(self._tiles, self._columns)
        for sheet, plane in zip(self._planes, tile.planes, strict=True):
            lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            top, left = row * plane.height, column * plane.width
            sheet[top : top + plane.height, left : left + plane.width] = lines
        self._tiles += 1
        if self._tiles == self._columns * self._rows:
            self._write_sheet()

    def _write_sheet(self) -> None:
        self._sheets += 1
        rows = -(-self._tiles // self._columns)
        columns = min(self._tiles, self._columns)
        width, height = self._tile[0] * columns, self._tile[1] * rows
        sizes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
        planes = [plane[:h, :w] for plane, (h, w) in zip(self._planes, sizes, strict=True)]
        flat = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)
        sheet = av.VideoFrame.from_ndarray(np.ascontiguousarray(flat), format="yuvj420p")
        jpeg.write(sheet, self._folder / file_names.SHEET.format(number=self._sheets))
        self._planes, self._tiles = [], 0
