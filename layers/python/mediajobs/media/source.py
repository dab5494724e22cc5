"""The facts about a source after its validation."""

from pydantic import ConfigDict

from mediajobs.base_model import LazyModel

NO_AUDIO = "source has no audio"  # why an output, or its task, is skipped


class _Facts(LazyModel):
    model_config = ConfigDict(frozen=True)


class VideoFacts(_Facts):
    """The video stream that is transcoded. Width and height are the display size in pixels: after rotation and
    sample aspect ratio. `rotation` is 0, 90, 180 or 270 degrees, clockwise. `frame_rate` is that of its motion, in Hz:
    the shortest interval that lasts, not the average. `bit_rate` is measured, in bit/s. `end` is when its last picture
    ends, in seconds from the start of the source."""

    index: int
    codec: str
    width: int
    height: int
    rotation: int
    frame_rate: float
    pix_fmt: str
    hdr: bool
    variable_frame_rate: bool
    interlaced: bool = False
    bit_rate: int | None = None
    end: float | None = None


class AudioFacts(_Facts):
    """The audio stream that is transcoded; `sample_rate` in Hz, `bit_rate` in bit/s as measured, `end` in seconds.
    `language` is as the container tags it (ISO 639), None where it does not."""

    index: int
    codec: str
    channels: int
    sample_rate: int
    language: str | None = None
    bit_rate: int | None = None
    end: float | None = None


class SourceFacts(_Facts):
    """A source. At least one of `video` and `audio` is not None. `sha256` is in hex.

    `duration_seconds` is measured: until the last picture or sample ends. `start_time` is the first timestamp of the
    container, in seconds. `jumps` counts the places where its timestamps were mended. `languages` are those of all
    audio streams, by their tags.
    """

    container: str
    duration_seconds: float
    size_bytes: int
    sha256: str
    video: VideoFacts | None
    audio: AudioFacts | None
    start_time: float = 0.0
    jumps: int = 0
    languages: list[str] = []
