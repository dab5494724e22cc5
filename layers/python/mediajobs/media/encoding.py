"""How renditions and sound are encoded: settings of x264 by quality, and bitrates that follow the source's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from mediajobs.media.options import Quality
from mediajobs.media.renditions import Rung
from mediajobs.media.source import AudioFacts, VideoFacts

_FAST_RATE, _FAST_SHARE = 30, 1.5  # Hz; a rendition that is faster may have so many more bits
_LARGE_SHORT_SIDE = 1080  # pixels, from which on fewer pictures wait for the encoder: each takes 3 to 12 MB
_LARGE_LOOKAHEAD, _LARGE_B_FRAMES = 10, 3  # of 1080p; still larger ones look less far ahead
_H264_SHARE = 0.95
# How many bits H.264 needs for one of another codec. HEVC is measured (docs/benchmarks.md), the others are estimates.
_BITS_FOR = {"hevc": 1.7, "vp9": 1.5, "av1": 2.0, "vvc": 2.4, "vp8": 1.0, "mpeg4": 0.8, "mpeg2video": 0.6, "mjpeg": 0.4}
_PIXEL_EXPONENT = 0.7  # half the pixels need more than half the bits
_LEAST_BITS_PER_PIXEL = 0.05  # and second: a keyframe every 4 s has to be paid
_BUFFER_SECONDS = 4.0  # x264 keeps about half of its buffer in reserve, and spends it at the end
_LADDER_BUFFER_SECONDS = 2.0  # where the rung sets the limit
_CHANNEL_BITRATE, _LEAST_CHANNEL_BITRATE = 64_000, 24_000  # bit/s
_MP3_BITRATES = (32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 112_000, 128_000)


@dataclass(frozen=True)
class Encoder:
    """x264's preset, its constant rate factor, how many pictures it looks ahead and how many B-frames it puts in a row,
    and further options."""

    preset: str
    crf: int
    lookahead: int
    b_frames: int
    options: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class RateControl:
    """`max_bitrate` in bit/s over a buffer of `buffer_bits`; `lookahead` and `b_frames` in pictures.

    `shares_pictures`: the encoder's threads work on one picture together, which takes less memory, not each on its own.
    """

    crf: int
    max_bitrate: int
    buffer_bits: int
    lookahead: int
    b_frames: int
    shares_pictures: bool


@dataclass(frozen=True)
class AudioEncoding:
    """Bitrates in bit/s."""

    channels: int
    aac_bitrate: int
    mp3_bitrate: int


# Psychovisual optimisation (psy) looks like more detail to people, and like noise to SSIM and VMAF: measured without.
ENCODERS: dict[Quality, Encoder] = {
    "fast": Encoder("veryfast", 25, 20, 5, {"trellis": 1, "aq-mode": 2}),
    "balanced": Encoder(
        "veryfast", 25, 30, 5, {"trellis": 1, "aq-mode": 2, "psy": 0, "x264-params": "subme=7:weightp=2"}
    ),
    # With more than 4 reference frames 1080p needs a level that not everything plays.
    "small": Encoder("slow", 25, 40, 6, {"aq-mode": 2, "psy": 0, "refs": 4}),
}


def rate_control(
    rung: Rung, encoder: Encoder, video: VideoFacts, *, pixels: int, frame_rate: Fraction, seconds: float
) -> RateControl:
    """For a rendition of so many pixels of a source that lasts `seconds`: no more than the rung allows, nor than the
    source makes sense of."""
    allowed = rung.max_bitrate * (_FAST_SHARE if frame_rate > _FAST_RATE else 1.0)
    cap = min(allowed, max(_LEAST_BITS_PER_PIXEL * pixels, _worth(video, pixels)))
    is_large = rung.short_side >= _LARGE_SHORT_SIDE
    rate = cap * seconds / (seconds + _BUFFER_SECONDS / 2) if cap < allowed else allowed
    return RateControl(
        crf=encoder.crf,
        max_bitrate=int(rate),
        buffer_bits=int(min(_LADDER_BUFFER_SECONDS * allowed, _BUFFER_SECONDS * rate)),
        lookahead=_LARGE_LOOKAHEAD * _LARGE_SHORT_SIDE // rung.short_side if is_large else encoder.lookahead,
        b_frames=min(encoder.b_frames, _LARGE_B_FRAMES if is_large else encoder.b_frames),
        shares_pictures=is_large,
    )


def _worth(video: VideoFacts, pixels: int) -> float:
    """bit/s in which H.264 shows so many pixels about as well as the source does."""
    if video.bit_rate is None:
        return float("inf")
    share = min(1.0, pixels / (video.width * video.height)) ** _PIXEL_EXPONENT
    return float(video.bit_rate * _BITS_FOR.get(video.codec, _H264_SHARE) * share)


def audio_encoding(audio: AudioFacts) -> AudioEncoding:
    """At most stereo, and no more bits than the source has, as far as that is enough for AAC."""
    channels = min(2, audio.channels)
    least, most = channels * _LEAST_CHANNEL_BITRATE, channels * _CHANNEL_BITRATE
    bitrate = most if audio.bit_rate is None else min(most, max(least, audio.bit_rate // 1000 * 1000))
    return AudioEncoding(channels, bitrate, _mp3_bitrate(bitrate))


def _mp3_bitrate(bitrate: int) -> int:
    """The next one that MP3 has (MPEG-1, layer III)."""
    return next((rate for rate in _MP3_BITRATES if rate >= bitrate), _MP3_BITRATES[-1])
