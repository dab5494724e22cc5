"""Chooses the streams to transcode from the scan of a source, and reads the facts about them."""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from mediajobs.media.manifests import JobWarning
from mediajobs.media.source import AudioFacts, VideoFacts

Stream = dict[str, Any]  # a `decoder.scan.StreamScan` as plain data

STILL_IMAGE_CODECS = {"mjpeg", "png", "apng", "gif", "bmp", "webp", "tiff", "jpeg2000", "jpegxl", "targa"}
_PQ, _HLG = 16, 18  # transfer characteristics by ITU-T H.273
_SECONDARY_TITLE = re.compile(r"comment|descri(ption|ptive|bed)|visually|karaoke|\bAD\b", re.IGNORECASE)
_MAX_ASPECT = 64  # pixels that are wider or higher than this are a mistake


def video_streams(streams: Iterable[Stream]) -> list[Stream]:
    """The video streams, the best one first. Cover art is none."""
    moving = (stream for stream in streams if stream["kind"] == "video" and _is_moving(stream))
    return sorted(moving, key=lambda stream: (not stream["decodes"], stream["is_secondary"], not stream["is_default"]))


def audio_streams(streams: Iterable[Stream]) -> list[Stream]:
    """The audio streams, the best one first: one that can be decoded, the main sound, the default one."""
    sounds = (stream for stream in streams if stream["kind"] == "audio")
    return sorted(sounds, key=lambda stream: (not stream["decodes"], _is_secondary(stream), not stream["is_default"]))


def video_facts(stream: Stream, start: float) -> VideoFacts:
    width, height = _display_size(stream)
    numerator, denominator = stream["frame_rate"]
    return VideoFacts(
        index=stream["index"],
        codec=stream["codec"],
        width=width,
        height=height,
        rotation=stream["rotation"],
        frame_rate=numerator / denominator,
        pix_fmt=stream["pix_fmt"],
        hdr=stream["transfer"] in {_PQ, _HLG},
        variable_frame_rate=stream["variable_frame_rate"],
        interlaced=stream["interlaced"],
        bit_rate=_bit_rate(stream),
        end=round(stream["end"] - start, 3),
    )


def audio_facts(stream: Stream, start: float) -> AudioFacts:
    return AudioFacts(
        index=stream["index"],
        codec=stream["codec"],
        channels=stream["channels"],
        sample_rate=stream["sample_rate"],
        language=stream["language"],
        bit_rate=_bit_rate(stream),
        end=round(stream["end"] - start, 3),
    )


def languages(streams: Iterable[Stream]) -> list[str]:
    """The languages of the audio streams by their tags, each once, in order."""
    tags = (stream["language"] for stream in streams if stream["kind"] == "audio")
    return list(dict.fromkeys(tag for tag in tags if tag and tag != "und"))


def warnings(streams: Sequence[Stream], taken: Sequence[Stream]) -> list[JobWarning]:
    """What is left out although it belongs to the source: tracks that are empty or cannot be decoded."""
    found = []
    for stream in streams:
        if stream not in taken and not stream["is_hidden"] and not stream["decodes"]:
            why = f"its {stream['codec']} cannot be decoded" if stream["packets"] else "it is empty"
            message = f"the {stream['kind']} track {stream['index']} was left out: {why}"
            found.append(JobWarning(code="track_skipped", message=message))
    return found


def _is_secondary(stream: Stream) -> bool:
    return stream["is_secondary"] or _SECONDARY_TITLE.search(stream["title"]) is not None


def _is_moving(stream: Stream) -> bool:
    is_picture = stream["codec"] in STILL_IMAGE_CODECS and stream["packets"] <= 1
    return not (stream["is_hidden"] or is_picture)


def _bit_rate(stream: Stream) -> int | None:
    seconds = stream["end"] - (stream["start"] or 0.0)
    return round(stream["size_bytes"] * 8 / seconds) if seconds > 0 else None


def _display_size(stream: Stream) -> tuple[int, int]:
    aspect = Fraction(*stream["aspect"])
    if not 1 / Fraction(_MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        aspect = Fraction(1)
    width, height = max(1, round(stream["width"] * aspect)), int(stream["height"])
    return (height, width) if stream["rotation"] in {90, 270} else (width, height)
