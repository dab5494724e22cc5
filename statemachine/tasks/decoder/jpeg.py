"""Writes JPEG files, whose colours are BT.601 in full range."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace

_QUANTISER = 3  # of 2 (best) to 31


def converted(frame: Any, width: int, height: int) -> Any:
    """A frame of BT.709 in limited range as JPEG has it."""
    return frame.reformat(
        width,
        height,
        "yuvj420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU601,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )


def write(frame: Any, path: Path) -> None:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = _QUANTISER
    frame.pts, frame.time_base = 0, encoder.time_base
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))
