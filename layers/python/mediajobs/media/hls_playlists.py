"""Writes HLS playlists (RFC 8216, version 7). A rendition is one fragmented MP4; its segments are byte ranges."""

import math
from collections.abc import Callable, Sequence

from mediajobs.media.manifests import Fragment, Output


def master(renditions: Sequence[Output], uri: Callable[[str], str]) -> str:
    """The master playlist; `uri` returns the URI of a rendition's media playlist, by its name."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rendition in renditions:
        lines += [f"#EXT-X-STREAM-INF:{_attributes(rendition)}", uri(rendition.name)]
    return "\n".join(lines) + "\n"


def media(output: Output, url: str) -> str:
    """The media playlist of one rendition; `url` is the URL of its file."""
    longest = max(fragment.duration for fragment in output.fragments)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, math.floor(longest + 0.5))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{url}",BYTERANGE="{output.init_size}@0"',
    ]
    for fragment in output.fragments:
        lines += [
            f"#EXTINF:{fragment.duration:.6f},",
            f"#EXT-X-BYTERANGE:{fragment.size}@{fragment.offset}",
            url,
        ]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def average_bandwidth(fragments: Sequence[Fragment]) -> int:
    """bit/s over all fragments."""
    return _bandwidth(sum(fragment.size for fragment in fragments), sum(fragment.duration for fragment in fragments))


def peak_bandwidth(fragments: Sequence[Fragment]) -> int:
    """bit/s by RFC 8216, 4.3.4.2: the largest of consecutive fragments that last 0.5 to 1.5 target durations."""
    target = max(fragment.duration for fragment in fragments)
    peaks = [average_bandwidth(fragments)]
    for first in range(len(fragments)):
        size, duration = 0, 0.0
        for fragment in fragments[first:]:
            size, duration = size + fragment.size, duration + fragment.duration
            if duration > 1.5 * target:
                break
            if duration >= 0.5 * target:
                peaks.append(_bandwidth(size, duration))
    return max(peaks)


def _bandwidth(size: int, duration: float) -> int:
    return math.ceil(size * 8 / duration) if duration > 0 else 0


def _attributes(rendition: Output) -> str:
    attributes = {
        "BANDWIDTH": rendition.peak_bandwidth,
        "AVERAGE-BANDWIDTH": rendition.average_bandwidth,
        "RESOLUTION": f"{rendition.width}x{rendition.height}",
        "CODECS": f'"{rendition.codecs}"',
        "FRAME-RATE": f"{rendition.frame_rate:.3f}",
    }
    return ",".join(f"{name}={value}" for name, value in attributes.items())
