"""The bitrate ladder: which renditions a source gets, how large, and why some outputs are not made."""

from dataclasses import dataclass
from fractions import Fraction

from mediajobs.media import encoding, storyboards
from mediajobs.media.manifests import Absent
from mediajobs.media.options import Options
from mediajobs.media.renditions import RENDITIONS, Rung
from mediajobs.media.source import NO_AUDIO, SourceFacts, VideoFacts

KEYFRAME_SECONDS = 4
LARGEST_FRAME_RATE = 60
LARGEST_THUMBNAIL_WIDTH = 1280  # pixels
TILE_LONG_SIDE = 160  # pixels, of a storyboard's pictures
SHEET_COLUMNS = SHEET_ROWS = 10
_ROUNDING = 1e-6  # pictures, by which a tile's time may miss its picture
_TILES = 100  # that a storyboard has at least, but for one a second
_LONGEST_INTERVAL = 10.0  # seconds between tiles, however long the source is
NO_VIDEO = "source has no video"
_WIDE = Fraction(16, 9)  # the aspect of the frame into which a rung's pictures fit


@dataclass(frozen=True)
class Size:
    width: int
    height: int


@dataclass(frozen=True)
class Rendition:
    name: str
    size: Size
    rate_control: encoding.RateControl


@dataclass(frozen=True)
class StoryboardPlan:
    """`interval` in seconds from one tile to the next; a sheet holds `columns` times `rows` tiles."""

    tile: Size
    interval: float
    count: int
    columns: int = SHEET_COLUMNS
    rows: int = SHEET_ROWS

    @property
    def tiles_per_sheet(self) -> int:
        return self.columns * self.rows


@dataclass(frozen=True)
class TranscodePlan:
    """What is made of a source. Renditions come largest first; `frame_rate` is None where there is no video.

    `picture` is the size in which the source is decoded: nothing is larger.
    """

    renditions: tuple[Rendition, ...]
    encoder: encoding.Encoder
    frame_rate: Fraction | None
    picture: Size
    audio: bool
    audio_encoding: encoding.AudioEncoding | None
    thumbnail: Size | None
    storyboard: StoryboardPlan | None
    hls: bool
    absent: tuple[Absent, ...]

    @property
    def outputs(self) -> list[str]:
        """Their names, and `hls`."""
        others = {
            "audio": self.audio,
            "thumbnail": self.thumbnail,
            "storyboard": self.storyboard,
            "hls": self.hls,
        }
        return [rendition.name for rendition in self.renditions] + [name for name, made in others.items() if made]


def plan(source: SourceFacts, options: Options) -> TranscodePlan:
    """Everything that the options ask for and the source can give; what it cannot give is absent, with the reason."""
    video, frame_rate = source.video, constant_frame_rate(source.video) if source.video else None
    reasons = _reasons(source, options)
    names = sorted((n for n in RENDITIONS if reasons.get(n, "") is None), key=lambda n: -RENDITIONS[n].short_side)
    encoder = encoding.ENCODERS[options.quality]
    renditions = tuple(_rendition(RENDITIONS[name], encoder, source) for name in names)
    thumbnail = _thumbnail(video) if video else Size(2, 2)
    picture = renditions[0].size if renditions else thumbnail
    has_storyboard = reasons.get("storyboard", "") is None
    return TranscodePlan(
        renditions=renditions,
        encoder=encoder,
        frame_rate=frame_rate,
        picture=picture,
        audio=options.audio and source.audio is not None,
        audio_encoding=encoding.audio_encoding(source.audio) if source.audio else None,
        thumbnail=_smaller(thumbnail, picture) if options.thumbnail and video else None,
        storyboard=_storyboard(video, source.duration_seconds) if video and has_storyboard else None,
        hls=reasons.get("hls", "") is None,
        absent=tuple(Absent(name=name, reason=reason) for name, reason in reasons.items() if reason),
    )


def constant_frame_rate(video: VideoFacts) -> Fraction:
    """The rate of the source's motion as a fraction (29.97 is 30000/1001), from 1 to 60."""
    rate = Fraction(video.frame_rate).limit_denominator(1001)
    return max(Fraction(1), min(rate, Fraction(LARGEST_FRAME_RATE)))


def _reasons(source: SourceFacts, options: Options) -> dict[str, str | None]:
    """Output that is asked for -> why it cannot be made, or None."""
    reasons: dict[str, str | None] = {name: _missing(name, source) for name in options.renditions}
    if source.video and reasons and None not in reasons.values():  # there is always something to play
        reasons[min(reasons, key=lambda name: RENDITIONS[name].short_side)] = None
    if options.hls and options.renditions:
        reasons["hls"] = None if source.video or source.audio else NO_VIDEO
    if options.audio:
        reasons["audio"] = None if source.audio else NO_AUDIO
    if options.thumbnail:
        reasons["thumbnail"] = None if source.video else NO_VIDEO
    if options.storyboard is not False:
        reasons["storyboard"] = _no_storyboard(source, options)
    return reasons


def _missing(name: str, source: SourceFacts) -> str | None:
    if source.video is None:
        return NO_VIDEO
    return f"source is smaller than {name}" if _scale(RENDITIONS[name], source.video) > 1 else None


def _no_storyboard(source: SourceFacts, options: Options) -> str | None:
    if source.video is None:
        return NO_VIDEO
    wanted = storyboards.is_wanted(source.duration_seconds, option=options.storyboard)
    return None if wanted else storyboards.TOO_SHORT


def _scale(rung: Rung, video: VideoFacts) -> Fraction:
    """By how much the picture has to grow to fill the rung's frame of 16:9, or 9:16 where it is upright.

    A picture less wide than that reaches the short side first, a wider one the long side.
    """
    short, long = sorted((video.width, video.height))
    return min(Fraction(rung.short_side, short), Fraction(_even(rung.short_side * _WIDE, 1 << 20), long))


def _rendition(rung: Rung, encoder: encoding.Encoder, source: SourceFacts) -> Rendition:
    video = source.video
    if video is None:
        raise ValueError(NO_VIDEO)
    size = _scaled(video, min(Fraction(1), _scale(rung, video)))
    control = encoding.rate_control(
        rung,
        encoder,
        video,
        pixels=size.width * size.height,
        frame_rate=constant_frame_rate(video),
        seconds=source.duration_seconds,
    )
    return Rendition(rung.name, size, control)


def _thumbnail(video: VideoFacts) -> Size:
    return _scaled(video, min(Fraction(1), Fraction(LARGEST_THUMBNAIL_WIDTH, video.width)))


def _smaller(first: Size, second: Size) -> Size:
    return min(first, second, key=lambda size: size.width * size.height)


def _storyboard(video: VideoFacts, seconds: float) -> StoryboardPlan:
    tile = _scaled(video, min(Fraction(1), Fraction(TILE_LONG_SIDE, max(video.width, video.height))))
    interval = float(min(_LONGEST_INTERVAL, max(1, round(seconds / _TILES))))
    rate = constant_frame_rate(video)
    last_picture = max(1, round(seconds * rate)) - 1  # of the constant grid that the source is decoded to
    return StoryboardPlan(tile, interval, 1 + int((last_picture + _ROUNDING) / (interval * float(rate))))


def _scaled(video: VideoFacts, scale: Fraction) -> Size:
    return Size(_even(video.width * scale, video.width), _even(video.height * scale, video.height))


def _even(length: Fraction, limit: int) -> int:
    """The nearest even number of pixels, never more than the source has, at least 2."""
    return max(2, min(2 * round(length / 2), limit - limit % 2))
