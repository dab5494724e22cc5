"""What reading every packet of a source has shown, as plain data."""

from dataclasses import dataclass, field

MAX_TEXT = 200  # letters of a tag


@dataclass
class StreamScan:
    """One audio or video stream. Times are in seconds on the source's one clock, `stated_end` on the container's.

    `decodes` says whether a frame came out. What follows it is read from that frame; before, width and height are what
    the header says.
    """

    index: int
    kind: str
    codec: str
    is_default: bool
    is_secondary: bool
    is_hidden: bool
    language: str | None
    title: str
    stated_end: float | None
    packets: int = 0
    size_bytes: int = 0
    start: float | None = None
    end: float = 0.0
    decodes: bool = False
    width: int = 0
    height: int = 0
    aspect: tuple[int, int] = (1, 1)
    rotation: int = 0
    pix_fmt: str = "unknown"
    transfer: int = 0
    primaries: int = 0
    interlaced: bool = False
    frame_rate: tuple[int, int] = (0, 1)
    variable_frame_rate: bool = False
    channels: int = 0
    sample_rate: int = 0


@dataclass
class Scan:
    """A whole source. `stated_duration` is the container's, in seconds, and may be a guess.

    `is_cut` says that the file ends before its container says.
    """

    container: str
    stated_duration: float | None
    jumps: int
    is_cut: bool
    streams: list[StreamScan] = field(default_factory=list)
