"""The bitrate ladder: which renditions a source gets, how large, and why some are not made."""

from dataclasses import dataclass
from fractions import Fraction

from mediajobs.media.manifests import Absent
from mediajobs.media.options import Options
from mediajobs.media.renditions import RENDITIONS
from mediajobs.media.source import NO_AUDIO, SourceFacts, VideoFacts

KEYFRAME_SECONDS = 4
LARGEST_FRAME_RATE = 60
LARGEST_THUMBNAIL_WIDTH = 1280  # pixels
NO_VIDEO = "source has no video"


@dataclass(frozen=True)
class Size:
    width: int
    height: int


@dataclass(frozen=True)
class Rendition:
    """`max_bitrate` in bit/s over a buffer of two seconds."""

    name: str
    size: Size
    crf: int
    max_bitrate: int


@dataclass(frozen=True)
class TranscodePlan:
    """What is made of a source. Renditions come largest first; `frame_rate` is None where there is no video."""

    renditions: tuple[Rendition, ...]
    frame_rate: Fraction | None
    audio: bool
    thumbnail: Size | None
    hls: bool
    absent: tuple[Absent, ...]

    @property
    def outputs(self) -> list[str]:
        """Their names, and `hls`."""
        others = {"audio": self.audio, "thumbnail": self.thumbnail, "hls": self.hls}
        return [rendition.name for rendition in self.renditions] + [name for name, made in others.items() if made]


def plan(source: SourceFacts, options: Options) -> TranscodePlan:
    """Everything that the options ask for and the source can give; what it cannot give is absent, with the reason."""
    frame_rate = constant_frame_rate(source.video) if source.video else None
    reasons: dict[str, str | None] = {name: _missing(name, source) for name in options.renditions}
    names = sorted((n for n in RENDITIONS if reasons.get(n, "") is None), key=lambda n: -RENDITIONS[n].short_side)
    if options.hls and options.renditions and not names:
        reasons["hls"] = NO_VIDEO if source.video is None else "there is no rendition to stream"
    if options.audio:
        reasons["audio"] = None if source.audio else NO_AUDIO
    if options.thumbnail:
        reasons["thumbnail"] = None if source.video else NO_VIDEO
    return TranscodePlan(
        renditions=tuple(_rendition(name, source.video, frame_rate) for name in names if source.video and frame_rate),
        frame_rate=frame_rate,
        audio=options.audio and source.audio is not None,
        thumbnail=_thumbnail(source.video) if options.thumbnail and source.video else None,
        hls=options.hls and bool(names),
        absent=tuple(Absent(name=name, reason=reason) for name, reason in reasons.items() if reason),
    )


def constant_frame_rate(video: VideoFacts) -> Fraction:
    """The source's average rate as a fraction (29.97 is 30000/1001), from 1 to 60."""
    rate = Fraction(video.frame_rate).limit_denominator(1001)
    return max(Fraction(1), min(rate, Fraction(LARGEST_FRAME_RATE)))


def _missing(name: str, source: SourceFacts) -> str | None:
    if source.video is None:
        return NO_VIDEO
    if min(source.video.width, source.video.height) < RENDITIONS[name].short_side:
        return f"source is smaller than {name}"
    return None


def _rendition(name: str, video: VideoFacts, frame_rate: Fraction) -> Rendition:
    rung = RENDITIONS[name]
    faster = 1.0 if frame_rate <= 30 else 1.5
    scale = Fraction(rung.short_side, min(video.width, video.height))
    return Rendition(name, _scaled(video, scale), rung.crf, round(rung.max_bitrate * faster))


def _thumbnail(video: VideoFacts) -> Size:
    return _scaled(video, min(Fraction(1), Fraction(LARGEST_THUMBNAIL_WIDTH, video.width)))


def _scaled(video: VideoFacts, scale: Fraction) -> Size:
    return Size(_even(video.width * scale, video.width), _even(video.height * scale, video.height))


def _even(length: Fraction, limit: int) -> int:
    """The nearest even number of pixels, never more than the source has, at least 2."""
    return max(2, min(2 * round(length / 2), limit - limit % 2))
