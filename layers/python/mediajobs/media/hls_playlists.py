"""Writes HLS playlists (RFC 8216, version 7), as Apple's HLS authoring specification asks for them.

A rendition is one fragmented MP4; its segments are byte ranges. A playlist is named relative to the master playlist:
`360p/playlist.m3u8`, `360p/iframes.m3u8`, `audio/playlist.m3u8`, `captions/en.m3u8`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mediajobs.media.manifests import Fragment, Output
from mediajobs.media.outputs import HLS_AUDIO

AUDIO = "audio"  # what paths call the sound alone; renditions have their own names there
_SUBTITLES = "subs"
_MAX_IN_PEAK = 64  # fragments that count as consecutive ones: all of a rendition but the last are equally long
_Sized = tuple[int, float]  # bytes and seconds of a segment


@dataclass(frozen=True)
class Captions:
    """The one caption track of a job: its language (BCP 47) and what people call it."""

    language: str
    name: str


def master(outputs: Sequence[Output], uri: Callable[[str], str], captions: Captions | None = None) -> str:
    """The master playlist of the outputs that have fragments; `uri` returns the URI of a playlist, by its path."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if captions is not None:
        lines.append(f"#EXT-X-MEDIA:{_media_attributes(captions, uri(captions_path(captions.language)))}")
    renditions = [output for output in outputs if output.width is not None]
    sound = [output for output in outputs if output.width is None]  # last: a player begins with the first variant
    for output in (*renditions, *sound):
        lines += [f"#EXT-X-STREAM-INF:{_variant_attributes(output, captions)}", uri(media_path(output.name))]
    for rendition in filter(has_iframes, renditions):
        lines.append(f"#EXT-X-I-FRAME-STREAM-INF:{_iframe_attributes(rendition, uri(iframes_path(rendition.name)))}")
    return "\n".join(lines) + "\n"


def media(output: Output, url: str, target_seconds: int | None = None) -> str:
    """The media playlist of one output; `url` is the URL of its file.

    `target_seconds`: see `target_duration`; None: of this output alone.
    """
    target = target_duration([output]) if target_seconds is None else target_seconds
    lines = [
        *_head(target),
        "#EXT-X-INDEPENDENT-SEGMENTS",
        _map(output, url),
    ]
    for fragment in output.fragments:
        lines += _segment(fragment.duration, fragment.size, fragment.offset, url)
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def iframes(output: Output, url: str) -> str:
    """The I-frame playlist of a rendition for which `has_iframes` holds: the first picture of each fragment."""
    lines = [*_head(target_duration([output])), "#EXT-X-I-FRAMES-ONLY", _map(output, url)]
    for fragment in output.fragments:
        lines += _segment(fragment.duration, fragment.keyframe_size or 0, fragment.offset, url)
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def captions(url: str, seconds: float) -> str:
    """The playlist of the captions: the whole WebVTT file is its one segment, as long as the video.

    RFC 8216, 6.2.4: a VOD playlist of subtitles may have another target duration than the variants.
    """
    return "\n".join([*_head(_rounded(seconds)), f"#EXTINF:{seconds:.6f},", url, "#EXT-X-ENDLIST"]) + "\n"


def path_name(name: str) -> str:
    """What paths call an output: a rendition's own name, or `audio`."""
    return AUDIO if name == HLS_AUDIO else name


def media_path(name: str) -> str:
    """Where the media playlist of an output is, from the master playlist."""
    return f"{path_name(name)}/playlist.m3u8"


def iframes_path(name: str) -> str:
    """Where the I-frame playlist of a rendition is, from the master playlist."""
    return f"{name}/iframes.m3u8"


def captions_path(language: str) -> str:
    """Where the captions' playlist is, from the master playlist."""
    return f"captions/{language}.m3u8"


def has_iframes(output: Output) -> bool:
    """Whether the size of each fragment's first picture is known. Outputs of earlier versions have none."""
    return bool(output.fragments) and all(fragment.keyframe_size for fragment in output.fragments)


def target_duration(outputs: Sequence[Output]) -> int:
    """Seconds, of the longest fragment. RFC 8216, 6.2.4: all variants of a master playlist have the same."""
    return _rounded(max(fragment.duration for output in outputs for fragment in output.fragments))


def average_bandwidth(fragments: Sequence[Fragment]) -> int:
    """bit/s over all fragments."""
    return _average(_sizes(fragments))


def peak_bandwidth(fragments: Sequence[Fragment]) -> int:
    """bit/s by RFC 8216, 4.3.4.2: the largest of consecutive fragments that last 0.5 to 1.5 target durations."""
    return _peak(_sizes(fragments))


def _sizes(fragments: Sequence[Fragment]) -> list[_Sized]:
    return [(fragment.size, fragment.duration) for fragment in fragments]


def _average(segments: Sequence[_Sized]) -> int:
    return _bandwidth(sum(size for size, _ in segments), sum(duration for _, duration in segments))


def _peak(segments: Sequence[_Sized]) -> int:
    target = max(duration for _, duration in segments)
    peaks = [_average(segments)]
    for first in range(len(segments)):
        size, duration = 0, 0.0
        for more_size, more_duration in segments[first : first + _MAX_IN_PEAK]:
            size, duration = size + more_size, duration + more_duration
            if duration > 1.5 * target:
                break
            if duration >= 0.5 * target:
                peaks.append(_bandwidth(size, duration))
    return max(peaks)


def _bandwidth(size: int, duration: float) -> int:
    return math.ceil(size * 8 / duration) if duration > 0 else 0


def _rounded(seconds: float) -> int:
    return max(1, math.floor(seconds + 0.5))


def _head(target_seconds: int) -> list[str]:
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target_seconds}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]


def _map(output: Output, url: str) -> str:
    return f'#EXT-X-MAP:URI="{url}",BYTERANGE="{output.init_size}@0"'


def _segment(duration: float, size: int, offset: int, url: str) -> list[str]:
    return [f"#EXTINF:{duration:.6f},", f"#EXT-X-BYTERANGE:{size}@{offset}", url]


def _media_attributes(captions: Captions, uri: str) -> str:
    """AUTOSELECT: a player shows them to whoever has asked it for captions of this language. DEFAULT: not to others."""
    return _attribute_list(
        {
            "TYPE": "SUBTITLES",
            "GROUP-ID": f'"{_SUBTITLES}"',
            "NAME": f'"{captions.name}"',
            "LANGUAGE": f'"{captions.language}"',
            "AUTOSELECT": "YES",
            "DEFAULT": "NO",
            "FORCED": "NO",
            "URI": f'"{uri}"',
        }
    )


def _variant_attributes(output: Output, captions: Captions | None) -> str:
    """Renditions are SDR and have no captions in their video: see the task `media`."""
    picture: dict[str, object] = {}
    if output.width is not None:
        picture = {
            "RESOLUTION": f"{output.width}x{output.height}",
            "FRAME-RATE": f"{output.frame_rate:.3f}",
            "VIDEO-RANGE": "SDR",
        }
    return _attribute_list(
        {
            "BANDWIDTH": output.peak_bandwidth,
            "AVERAGE-BANDWIDTH": output.average_bandwidth,
            "CODECS": f'"{output.codecs}"',
        }
        | picture
        | {"CLOSED-CAPTIONS": "NONE"}
        | ({"SUBTITLES": f'"{_SUBTITLES}"'} if captions else {})
    )


def _iframe_attributes(rendition: Output, uri: str) -> str:
    pictures = [(fragment.keyframe_size or 0, fragment.duration) for fragment in rendition.fragments]
    return _attribute_list(
        {
            "BANDWIDTH": _peak(pictures),
            "AVERAGE-BANDWIDTH": _average(pictures),
            "CODECS": f'"{_video_codec(rendition)}"',
            "RESOLUTION": f"{rendition.width}x{rendition.height}",
            "VIDEO-RANGE": "SDR",
            "URI": f'"{uri}"',
        }
    )


def _video_codec(rendition: Output) -> str:
    codecs = (rendition.codecs or "").split(",")
    return next((codec for codec in codecs if not codec.startswith("mp4a.")), codecs[0])


def _attribute_list(attributes: dict[str, object]) -> str:
    return ",".join(f"{name}={value}" for name, value in attributes.items())
