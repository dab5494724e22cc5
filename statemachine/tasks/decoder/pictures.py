"""Decodes the video of a source: raw pictures of one size at a constant rate, a thumbnail and a storyboard."""

import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TextIO

from mediajobs.errors import JobError
from statemachine.tasks.decoder import source_reader
from statemachine.tasks.decoder.decoders import decoded, decoder_of
from statemachine.tasks.decoder.frame_grid import FrameGrid
from statemachine.tasks.decoder.picture_filter import PictureFilter, Size
from statemachine.tasks.decoder.picture_pipe import PicturePipe
from statemachine.tasks.decoder.source_file import SourceFile
from statemachine.tasks.decoder.storyboard import Storyboard
from statemachine.tasks.decoder.thumbnail import Thumbnail
from statemachine.tasks.limits import DECODER_THREADS


def write_pictures(
    *,
    source: SourceFile,
    stream: int,
    jumps: bool,
    start: float,
    duration: float,
    end: float,
    rate: tuple[int, int],
    size: tuple[int, int],
    find_combing: bool,
    folder: str,
    position: int,
    pipe: int | None = None,
    thumbnail: tuple[int, int] | None = None,
    storyboard: dict[str, Any] | None = None,
) -> None:
    """Writes planar YUV 4:2:0 into `pipe`, from `start` of the source on, `rate` times a second for `duration` seconds.

    How far it is goes into `position`, in the form of `ffmpeg -progress`.

    `jumps` says whether the scan found jumps, `end` is when the last picture ends. Raises JobError
    `undecodable`, `damaged_source`, and `incomplete_output` where the source breaks off before `end`.
    """
    grid = FrameGrid[Any](Fraction(*rate), duration)
    filtering = PictureFilter(Size(*size), Path(folder), find_combing=find_combing)
    users: list[_User] = [_Position(os.fdopen(position, "w", buffering=1), Fraction(*rate))]
    if pipe is not None:
        users.append(PicturePipe(pipe, grid.count))
    if thumbnail:
        users.append(Thumbnail(Size(*thumbnail), grid.count, Path(folder)))
    if storyboard:
        users.append(Storyboard(Path(folder), Fraction(*rate), **storyboard))
    with source_reader.open_source(source) as container:
        clock = source_reader.Clock(container, stream, start, end, jumps=jumps)
        frames = _filtered(filtering, decoded(decoder_of(clock.stream, threads=DECODER_THREADS), clock.packets()))
        for slot, frame in enumerate(_shown(grid, frames, clock)):
            for user in users:
                user.add(slot, frame)
        clock.check_end()
    for user in users:
        user.finish()


def _filtered(filtering: PictureFilter, frames: Iterator[Any]) -> Iterator[Any]:
    for frame in frames:
        yield from filtering.push(frame)
    yield from filtering.flush()


def _shown(grid: FrameGrid[Any], frames: Iterator[Any], clock: source_reader.Clock) -> Iterator[Any]:
    time, frame = 0.0, None
    for frame in frames:
        time = clock.time_of(frame, time)
        yield from grid.add(frame, time)
    if frame is None:
        raise JobError("undecodable", "no picture of the video could be decoded; export the file again")
    yield from grid.finish()


class _User(Protocol):
    """Gets the picture of every slot, and is told when there are no more."""

    def add(self, slot: int, frame: Any, /) -> None: ...
    def finish(self) -> None: ...


class _Position:
    """Tells about once a second of media how far the pictures are."""

    def __init__(self, output: TextIO, rate: Fraction) -> None:
        self._output, self._rate = output, rate

    def add(self, slot: int, _frame: Any) -> None:
        if slot % math.ceil(self._rate) == 0:
            self._output.write(f"out_time_us={int(slot / self._rate * 1_000_000)}\n")

    def finish(self) -> None:
        self._output.close()
