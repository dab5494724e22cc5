"""Chooses the streams to transcode from the output of ffprobe, and reads the facts about them."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from mediajobs.media.source import AudioFacts, VideoFacts

Stream = dict[str, Any]

STILL_IMAGE_CODECS = {"mjpeg", "png", "gif", "bmp", "webp", "tiff", "jpeg2000", "jpegxl"}
HDR_TRANSFERS = {"smpte2084", "arib-std-b67"}
ESTIMATING_CONTAINERS = {
    "mp3",
    "aac",
    "ac3",
    "eac3",
    "amr",
    "mpegts",
    "mpeg",
}  # containers that do not state their duration
FRAME_RATE_TOLERANCE = Fraction(1, 100)  # largest relative difference of average and nominal frame rate


def video_facts(streams: Iterable[Stream]) -> VideoFacts | None:
    """The facts of the default or first video stream, None where there is none. Cover art is no video stream."""
    stream = _default_or_first(s for s in streams if s.get("codec_type") == "video" and _is_moving(s))
    if stream is None:
        return None
    rotation = _rotation(stream)
    width, height = _display_size(stream, rotation)
    average, nominal = _frame_rates(stream)
    return VideoFacts(
        index=stream["index"],
        codec=stream["codec_name"],
        width=width,
        height=height,
        rotation=rotation,
        frame_rate=float(average),
        pix_fmt=stream.get("pix_fmt", "unknown"),
        hdr=stream.get("color_transfer") in HDR_TRANSFERS,
        variable_frame_rate=abs(average - nominal) > nominal * FRAME_RATE_TOLERANCE,
    )


def audio_facts(streams: Iterable[Stream]) -> AudioFacts | None:
    """The facts of the default or first audio stream that can be decoded, None where there is none."""
    stream = _default_or_first(
        s for s in streams if s.get("codec_type") == "audio" and s.get("codec_name") and s.get("channels")
    )
    if stream is None:
        return None
    return AudioFacts(
        index=stream["index"],
        codec=stream["codec_name"],
        channels=stream["channels"],
        sample_rate=int(stream["sample_rate"]),
    )


def stated_end(stream: Stream) -> float | None:
    """When this stream ends by the container's clock, in seconds. MP4 and others have fields for it, Matroska a tag."""
    if "duration" in stream:
        return float(stream.get("start_time", 0)) + float(stream["duration"])
    clock = stream.get("tags", {}).get("DURATION", "").split(":")
    if len(clock) != 3:
        return None
    return int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2])


def has_estimated_duration(container: str) -> bool:
    """Whether the duration of this container is only an estimate, by bitrate or last timestamp."""
    return not ESTIMATING_CONTAINERS.isdisjoint(container.split(","))


def _default_or_first(streams: Iterable[Stream]) -> Stream | None:
    candidates = list(streams)
    default = (s for s in candidates if s.get("disposition", {}).get("default"))
    return next(default, candidates[0] if candidates else None)


def _is_moving(stream: Stream) -> bool:
    disposition = stream.get("disposition", {})
    if disposition.get("attached_pic") or disposition.get("timed_thumbnails") or disposition.get("still_image"):
        return False
    if not (stream.get("codec_name") and stream.get("width") and stream.get("height")):
        return False
    one_frame = stream.get("nb_frames") in {"0", "1"} or _fraction(stream.get("avg_frame_rate")) == 0
    return not (stream["codec_name"] in STILL_IMAGE_CODECS and one_frame)


def _rotation(stream: Stream) -> int:
    """Degrees clockwise, to the nearest quarter turn. ffprobe counts anticlockwise."""
    for side_data in stream.get("side_data_list", []):
        if "rotation" in side_data:
            return round(-float(side_data["rotation"]) / 90) * 90 % 360
    return 0


def _display_size(stream: Stream, rotation: int) -> tuple[int, int]:
    aspect = _fraction(stream.get("sample_aspect_ratio", "1:1").replace(":", "/")) or Fraction(1)
    width, height = max(1, round(stream["width"] * aspect)), int(stream["height"])
    return (height, width) if rotation in {90, 270} else (width, height)


def _frame_rates(stream: Stream) -> tuple[Fraction, Fraction]:
    """Average and nominal frame rate. One that is unknown is replaced by the other, both by 25."""
    average, nominal = _fraction(stream.get("avg_frame_rate")), _fraction(stream.get("r_frame_rate"))
    average = average or nominal or Fraction(25)
    nominal = nominal or average
    return (nominal if abs(average - nominal) <= nominal * FRAME_RATE_TOLERANCE else average), nominal


def _fraction(text: str | None) -> Fraction:
    numerator, _, denominator = (text or "0/1").partition("/")
    if int(denominator or 1) == 0:
        return Fraction(0)
    return Fraction(int(numerator), int(denominator or 1))
