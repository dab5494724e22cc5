"""Makes every picture of a source alike: one size, upright, progressive, opaque, BT.709 in limited range, 8 bits."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.filter import Graph

from statemachine.tasks.decoder import colour_table

_UNSPECIFIED = 2  # of colour space and primaries, in ITU-T H.273
_BT709 = 1
_HD_WIDTH, _HD_HEIGHT = 1280, 720  # pixels, from which on untagged colours are taken for BT.709
_ASPECT_TOLERANCE = 0.01  # up to which a picture is stretched, not padded
_TRANSPOSE = {90: "clock", 180: "clock", 270: "cclock"}


@dataclass(frozen=True)
class Size:
    width: int
    height: int


@dataclass(frozen=True)
class _Kind:
    """What decides how a picture is filtered."""

    width: int
    height: int
    pix_fmt: str
    rotation: int
    colorspace: int
    primaries: int
    transfer: int
    color_range: int
    time_base: Any


class PictureFilter:
    """Push decoded frames in, get frames of one size out, some pictures later. `flush` ends it."""

    def __init__(self, size: Size, folder: Path, *, find_combing: bool) -> None:
        self._size, self._folder, self._find_combing = size, folder, find_combing
        self._kind: _Kind | None = None
        self._source: Any = None
        self._sink: Any = None

    def push(self, frame: Any) -> Iterator[Any]:
        kind = _kind_of(frame)
        if kind != self._kind:
            yield from self.flush()
            self._kind = kind
            self._build(kind, has_alpha=_has_alpha(frame))
        self._source.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[Any]:
        if self._kind is not None:
            self._kind = None
            self._source.push(None)
            yield from self._pull()

    def _pull(self) -> Iterator[Any]:
        while True:
            try:
                yield self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def _build(self, kind: _Kind, *, has_alpha: bool) -> None:
        graph = Graph()
        arguments = f"video_size={kind.width}x{kind.height}:pix_fmt={kind.pix_fmt}:time_base={kind.time_base}"
        arguments += f":colorspace={kind.colorspace}:range={kind.color_range}"
        nodes = [graph.add("buffer", arguments)]
        nodes += [graph.add(name, options) for name, options in self._chain(kind, has_alpha=has_alpha)]
        nodes.append(graph.add("buffersink"))
        for left, right in pairwise(nodes):
            left.link_to(right)
        graph.configure()
        self._graph, self._source, self._sink = graph, nodes[0], nodes[-1]

    def _chain(self, kind: _Kind, *, has_alpha: bool) -> Iterator[tuple[str, str]]:
        if self._find_combing:
            yield "idet", ""
        yield "yadif", "deint=interlaced"
        if kind.rotation:
            yield from [("transpose", _TRANSPOSE[kind.rotation])] * (2 if kind.rotation == 180 else 1)
        if has_alpha:  # over black
            yield "format", "gbrap"
            yield "premultiply", "inplace=1"
            yield "format", "gbrp"
        if needs_colour_table(kind.primaries, kind.transfer):
            yield "scale", f"{self._fit()}:in_color_matrix=bt2020:reset_sar=1"
            yield "format", "gbrpf32le"  # lut3d is three times as fast with floats
            yield "lut3d", f"file={self._table(kind.transfer)}:interp=tetrahedral"
            yield "scale", "out_color_matrix=bt709:out_range=limited"
        else:
            matrix = ":in_color_matrix=bt709" if _is_untagged_hd(kind) else ""
            yield "scale", f"{self._fit()}{matrix}:out_color_matrix=bt709:out_range=limited:reset_sar=1"
        yield "format", "yuv420p"
        yield "pad", f"{self._size.width}:{self._size.height}:-1:-1:eval=frame"

    def _fit(self) -> str:
        """Options of `scale`: into the size, with the picture's aspect, which may change from frame to frame."""
        width, height = self._size.width, self._size.height
        aspect = f"(iw*sar/ih*{height}/{width})"  # over that of the size
        fits = f"lt(abs({aspect}-1),{_ASPECT_TOLERANCE})"
        fitted_width = f"if({fits}+gt({aspect},1),{width},max(2,2*round({width}*{aspect}/2)))"
        fitted_height = f"if({fits}+lt({aspect},1),{height},max(2,2*round({height}/{aspect}/2)))"
        return f"w='{fitted_width}':h='{fitted_height}':eval=frame"

    def _table(self, transfer: int) -> Path:
        path = self._folder / f"colours-{transfer}.cube"
        if not path.exists():
            colour_table.write_table(path, transfer)
        return path


def needs_colour_table(primaries: int, transfer: int) -> bool:
    return primaries == colour_table.BT2020 or transfer in {colour_table.PQ, colour_table.HLG}


def _kind_of(frame: Any) -> _Kind:
    return _Kind(
        width=frame.width,
        height=frame.height,
        pix_fmt=frame.format.name,
        rotation=round(-frame.rotation / 90) * 90 % 360,
        colorspace=int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        color_range=int(frame.color_range),
        time_base=frame.time_base,
    )


def _has_alpha(frame: Any) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _is_untagged_hd(kind: _Kind) -> bool:
    is_hd = kind.width >= _HD_WIDTH or kind.height >= _HD_HEIGHT
    return is_hd and kind.colorspace == _UNSPECIFIED
