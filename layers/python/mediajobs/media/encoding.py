"""How renditions and sound are encoded: settings of x264 by quality, and bitrates that follow the source's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from mediajobs.media.options import Quality
from mediajobs.media.renditions import Rung
from mediajobs.media.source import AudioFacts, VideoFacts

FAST_RATE = 30  # Hz; a faster rendition may have more bits
_FAST_SHARE = 1.5
_PIXEL_EXPONENT = 0.75  # half the pixels need more than half the bits
_LEAST_BITRATE = 60_000  # bit/s
# How many bits H.264 needs for one of these.
_H264_BITS = {"hevc": 1.6, "vp9": 1.5, "av1": 1.9, "vvc": 2.2, "mpeg2video": 0.7, "mpeg4": 0.9}
_CHANNEL_BITRATE, _LEAST_CHANNEL_BITRATE = 64_000, 24_000  # bit/s
_MP3_BITRATES = (32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 112_000, 128_000)


@dataclass(frozen=True)
class Encoder:
    """x264's preset, what is added to a rung's CRF, and further options of the encoder."""

    preset: str
    crf_offset: int = 0
    options: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class AudioEncoding:
    channels: int
    aac_bitrate: int
    mp3_bitrate: int


ENCODERS: dict[Quality, Encoder] = {
    "fast": Encoder("veryfast"),
    "balanced": Encoder("faster"),
    "small": Encoder("medium"),
}


def max_bitrate(rung: Rung, video: VideoFacts, pixels: int, frame_rate: Fraction) -> int:
    """bit/s that a rendition of so many pixels may have: what the rung allows, and what the source makes sense of."""
    allowed = rung.max_bitrate * (_FAST_SHARE if frame_rate > FAST_RATE else 1)
    if video.bit_rate is None:
        return round(allowed)
    share = min(1.0, pixels / (video.width * video.height)) ** _PIXEL_EXPONENT
    own = video.bit_rate * _H264_BITS.get(video.codec, 1.0) * share
    return int(min(allowed, max(_LEAST_BITRATE, own)))


def audio_encoding(audio: AudioFacts) -> AudioEncoding:
    """At most stereo, and no more bits than the source has, as far as that is enough for AAC."""
    channels = min(2, audio.channels)
    least, most = channels * _LEAST_CHANNEL_BITRATE, channels * _CHANNEL_BITRATE
    bitrate = most if audio.bit_rate is None else min(most, max(least, audio.bit_rate // 1000 * 1000))
    return AudioEncoding(channels, bitrate, _mp3_bitrate(bitrate))


def _mp3_bitrate(bitrate: int) -> int:
    """The next one that MP3 has (MPEG-1, layer III)."""
    return next((rate for rate in _MP3_BITRATES if rate >= bitrate), _MP3_BITRATES[-1])
