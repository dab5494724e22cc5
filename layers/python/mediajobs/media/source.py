"""The facts about a source after its validation."""

from pydantic import ConfigDict

from mediajobs.base_model import LazyModel


class _Facts(LazyModel):
    model_config = ConfigDict(frozen=True)


class VideoFacts(_Facts):
    """The video stream that is transcoded. Width and height are the display size in pixels: after rotation and
    sample aspect ratio. `rotation` is 0, 90, 180 or 270 degrees, clockwise; `frame_rate` is the average, in Hz."""

    index: int
    codec: str
    width: int
    height: int
    rotation: int
    frame_rate: float
    pix_fmt: str
    hdr: bool
    variable_frame_rate: bool


class AudioFacts(_Facts):
    """The audio stream that is transcoded; `sample_rate` in Hz."""

    index: int
    codec: str
    channels: int
    sample_rate: int


class SourceFacts(_Facts):
    """A source. At least one of `video` and `audio` is not None. `sha256` is in hex."""

    container: str
    duration_seconds: float
    size_bytes: int
    sha256: str
    video: VideoFacts | None
    audio: AudioFacts | None
