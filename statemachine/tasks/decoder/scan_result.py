"""What reading every packet of a source has shown, as plain data, and within which bounds a task believes it."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le, MaxLen

MAX_TEXT = 200  # letters of a tag
Text = Annotated[str, MaxLen(MAX_TEXT)]
Count = Annotated[int, Ge(0), Le(1 << 63)]
Seconds = Annotated[float, Ge(-1e19), Le(1e19)]  # an int64 of the largest time base; neither infinite nor NaN
Ratio = tuple[Annotated[int, Ge(0), Le(1 << 63)], Annotated[int, Ge(1), Le(1 << 63)]]


@dataclass
class StreamScan:
    """One audio or video stream. Times are in seconds on the source's one clock, `stated_end` on the container's.

    `decodes` says whether a frame came out. What follows it is read from that frame; before, width and height are what
    the header says.
    """

    index: Count
    kind: Text
    codec: Text
    is_default: bool
    is_secondary: bool
    is_hidden: bool
    language: Text | None
    title: Text
    stated_end: Seconds | None
    packets: Count = 0
    size_bytes: Count = 0
    start: Seconds | None = None
    end: Seconds = 0.0
    decodes: bool = False
    width: Count = 0
    height: Count = 0
    aspect: Ratio = (1, 1)
    rotation: Count = 0
    pix_fmt: Text = "unknown"
    transfer: Count = 0
    primaries: Count = 0
    interlaced: bool = False
    frame_rate: Ratio = (0, 1)
    variable_frame_rate: bool = False
    channels: Count = 0
    sample_rate: Count = 0


@dataclass
class Scan:
    """A whole source. `stated_duration` is the container's, in seconds, and may be a guess.

    `is_cut` says that the file ends before its container says.
    """

    container: Text
    stated_duration: Seconds | None
    jumps: Count
    is_cut: bool
    streams: list[StreamScan] = field(default_factory=list)
