"""Checks an HLS presentation from its master playlist on. Playlists are parsed by `m3u8`, not by this project.

The rules, as far as a video on demand without encryption has to obey them.

RFC 8216 ("HTTP Live Streaming"):
- 4.3.1.1, 4.3.1.2: the first line is EXTM3U, and the version allows what the playlist uses (7 here).
- 4.3.2.1, 4.3.3.1: a segment's duration, rounded, is at most the target duration.
- 4.3.2.2, 4.3.2.5: byte ranges do not overlap, and follow the initialisation section of EXT-X-MAP.
- 4.3.3.4, 4.3.3.5: the playlist is VOD and ends.
- 4.3.3.6, 4.3.4.3: an I-frame playlist has EXT-X-I-FRAMES-ONLY; its entry in the master playlist has a URI, no
  FRAME-RATE and no groups. Its ranges are parts of the rendition's segments, and last as long.
- 4.3.4.1: EXT-X-MEDIA has TYPE, GROUP-ID and NAME; names are unique in a group; DEFAULT needs AUTOSELECT; subtitles
  have a URI. A group that a variant names exists, and all variants name the same.
- 4.3.4.2: no segment's bit rate is above BANDWIDTH, and AVERAGE-BANDWIDTH is that of all segments. CLOSED-CAPTIONS=NONE
  is in all variants or in none.
- 6.2.4: variants have the same target duration; their content is as long, within one target duration; subtitles and
  I-frames may have another target duration.

Apple, "HLS Authoring Specification for Apple Devices":
- Video is H.264 of at most High Profile, level 5.2, in fragmented MP4, or HEVC.
- EXT-X-INDEPENDENT-SEGMENTS; every segment of video begins with a keyframe (measured in the tests of the media task).
- Every variant has CODECS and AVERAGE-BANDWIDTH; with video also RESOLUTION, FRAME-RATE (at most 60) and VIDEO-RANGE.
- CLOSED-CAPTIONS is stated, as NONE where the video has none in it.
- I-frame playlists for scrubbing: one at the size of each variant with video.
- BANDWIDTH and AVERAGE-BANDWIDTH are within 10 % of what is measured.
- Where there is sound, a variant of at most 192 kbit/s for slow networks: the sound alone.
- Segments do not exceed the target duration by more than half a second. (6 s are advised.)
- Subtitles are WebVTT; EXT-X-MEDIA has LANGUAGE (BCP 47) and AUTOSELECT=YES.
"""

import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import m3u8

Fetch = Callable[[str], str]  # the text at a URI
Playlist = Any  # of m3u8, which has no types for what it reads
_BCP47 = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_H264 = re.compile(r"avc1\.(42|4d|64)[0-9a-f]{2}([0-9a-f]{2})")
_HIGHEST_LEVEL = 52
_CELLULAR = 192_000  # bit/s
_TOLERANCE = 0.1  # of declared bandwidths


def violations(uri: str, fetch: Fetch) -> list[str]:
    """What is against the rules above, in sentences; empty for a good presentation."""
    text = fetch(uri)
    playlist: Playlist = m3u8.loads(text, uri=uri)
    return [*_master(text, playlist), *_media_playlists(playlist, fetch)]


def _master(text: str, master: Playlist) -> Iterator[str]:
    yield from _head(text, master, "master")
    yield from _unless(bool(master.is_independent_segments), "master: segments are not said to be independent")
    yield from _unless(bool(master.playlists), "master: there is no variant")
    groups = {medium.group_id for medium in master.media if medium.type == "SUBTITLES"}
    named = {variant.stream_info.subtitles for variant in master.playlists}
    yield from _unless(named == (groups or {None}), f"master: variants name the groups {named}, there are {groups}")
    for medium in master.media:
        yield from _medium(medium)
    names = [(medium.group_id, medium.name) for medium in master.media]
    yield from _unless(len(set(names)) == len(names), "master: two of a group have one name")
    for variant in master.playlists:
        yield from _variant(variant)
    yield from _choice(master)


def _head(text: str, playlist: Playlist, name: str) -> Iterator[str]:
    yield from _unless(text.startswith("#EXTM3U\n"), f"{name}: it does not begin with EXTM3U")
    yield from _unless(text.count("#EXT-X-VERSION:") == 1 and int(playlist.version) == 7, f"{name}: not of version 7")


def _medium(medium: Any) -> Iterator[str]:
    name = f"{medium.type} {medium.name!r}"
    yield from _unless(medium.type == "SUBTITLES" and bool(medium.group_id and medium.name and medium.uri), name)
    yield from _unless(bool(_BCP47.fullmatch(medium.language or "")), f"{name}: LANGUAGE={medium.language}")
    yield from _unless(medium.autoselect == "YES", f"{name}: it is not selected automatically")
    yield from _unless(medium.forced in ("NO", None), f"{name}: words of a whole video are not forced subtitles")


def _variant(variant: Any) -> Iterator[str]:
    info = variant.stream_info
    name = variant.uri.partition("?")[0]
    codecs = (info.codecs or "").split(",")
    yield from _unless(bool(info.codecs), f"{name}: no CODECS")
    yield from _unless(0 < (info.average_bandwidth or 0) <= info.bandwidth, f"{name}: no AVERAGE-BANDWIDTH")
    yield from _unless(info.closed_captions == "NONE", f"{name}: CLOSED-CAPTIONS={info.closed_captions}")
    if any(codec.startswith(("avc1", "hvc1")) for codec in codecs):
        yield from _unless(bool(info.resolution), f"{name}: no RESOLUTION")
        yield from _unless(0 < (info.frame_rate or 0) <= 60, f"{name}: FRAME-RATE={info.frame_rate}")
        yield from _unless(info.video_range == "SDR", f"{name}: VIDEO-RANGE={info.video_range}")
        levels = [int(match[2], 16) for codec in codecs if (match := _H264.fullmatch(codec))]
        yield from _unless(bool(levels) and max(levels) <= _HIGHEST_LEVEL, f"{name}: CODECS={info.codecs}")
    else:
        yield from _unless(not info.resolution and not info.frame_rate, f"{name}: sound has no RESOLUTION")


def _choice(master: Playlist) -> Iterator[str]:
    """What there has to be: I-frames for each size, and something for slow networks where there is sound."""
    sizes = {variant.stream_info.resolution for variant in master.playlists if variant.stream_info.resolution}
    scrubbed = {entry.iframe_stream_info.resolution for entry in master.iframe_playlists}
    yield from _unless(sizes == scrubbed, f"master: I-frames of {scrubbed}, variants of {sizes}")
    if any("mp4a" in variant.stream_info.codecs for variant in master.playlists):
        least = min(variant.stream_info.bandwidth for variant in master.playlists)
        yield from _unless(least <= _CELLULAR, f"master: the smallest variant has {least} bit/s")
    for entry in master.iframe_playlists:
        info = entry.iframe_stream_info
        yield from _unless(bool(info.codecs and info.bandwidth and info.average_bandwidth), f"{entry.uri}: {info}")
        yield from _unless("mp4a" not in info.codecs, f"{entry.uri}: pictures have no sound")
        yield from _unless(info.video_range == "SDR", f"{entry.uri}: VIDEO-RANGE={info.video_range}")


def _media_playlists(master: Playlist, fetch: Fetch) -> Iterator[str]:
    texts = {variant.absolute_uri: fetch(variant.absolute_uri) for variant in master.playlists}
    loaded: dict[str, Playlist] = {uri: m3u8.loads(text, uri=uri) for uri, text in texts.items()}
    for variant in master.playlists:
        playlist = loaded[variant.absolute_uri]
        yield from _media(texts[variant.absolute_uri], playlist, variant.uri.partition("?")[0])
        yield from _measured(variant.stream_info, playlist, variant.uri.partition("?")[0])
    targets = {playlist.target_duration for playlist in loaded.values()}
    yield from _unless(len(targets) == 1, f"variants have the target durations {targets}")
    lengths = [_length(playlist) for playlist in loaded.values()]
    yield from _unless(max(lengths) - min(lengths) <= max(targets), f"variants last {lengths}")
    segments = {_segments(playlist) for playlist in loaded.values()}
    for entry in master.iframe_playlists:
        yield from _iframes(entry, fetch, segments)
    for medium in master.media:
        yield from _subtitles(medium, fetch, max(lengths), max(targets))


def _media(text: str, playlist: Playlist, name: str) -> Iterator[str]:
    yield from _head(text, playlist, name)
    yield from _unless(playlist.playlist_type.upper() == "VOD" and playlist.is_endlist, f"{name}: it has no end")
    yield from _unless(bool(playlist.segments), f"{name}: it has no segment")
    longest = max(segment.duration for segment in playlist.segments)
    yield from _unless(math.floor(longest + 0.5) <= playlist.target_duration, f"{name}: a segment of {longest} s")
    yield from _unless(longest <= playlist.target_duration + 0.5, f"{name}: a segment of {longest} s")
    if playlist.segment_map:
        yield from _ranges(playlist, name)


def _ranges(playlist: Playlist, name: str) -> Iterator[str]:
    ranges = [_range(playlist.segment_map[0].byterange), *(_range(s.byterange) for s in playlist.segments)]
    yield from _unless(ranges[0][0] == 0, f"{name}: its initialisation section begins at {ranges[0][0]}")
    for (start, size), (following, _) in pairwise(ranges):
        yield from _unless(size > 0 and start + size <= following, f"{name}: {start}+{size} is beyond {following}")


def _measured(info: Any, playlist: Playlist, name: str) -> Iterator[str]:
    rates = [8 * _range(segment.byterange)[1] / segment.duration for segment in playlist.segments]
    full = [
        rate
        for rate, segment in zip(rates, playlist.segments, strict=True)
        if segment.duration >= 0.5 * playlist.target_duration
    ]
    size = sum(_range(segment.byterange)[1] for segment in playlist.segments)
    average = 8 * size / _length(playlist)
    peak = max([*full, average])
    yield from _unless(peak <= info.bandwidth * (1 + _TOLERANCE), f"{name}: a peak of {peak:.0f} bit/s")
    yield from _unless(
        abs(average - info.average_bandwidth) <= _TOLERANCE * average, f"{name}: an average of {average:.0f} bit/s"
    )


def _iframes(entry: Any, fetch: Fetch, renditions: set[tuple[tuple[int, int, float], ...]]) -> Iterator[str]:
    name, text = entry.uri.partition("?")[0], fetch(entry.absolute_uri)
    playlist: Playlist = m3u8.loads(text, uri=entry.absolute_uri)
    yield from _media(text, playlist, name)
    yield from _unless(bool(playlist.is_i_frames_only), f"{name}: not said to be of I-frames alone")
    pictures = _segments(playlist)
    within = any(
        len(pictures) == len(segments)
        and all(
            picture[0] == segment[0] and picture[1] <= segment[1] and picture[2] == segment[2]
            for picture, segment in zip(pictures, segments, strict=True)
        )
        for segments in renditions
    )
    yield from _unless(within, f"{name}: its ranges do not begin the segments of a variant")


def _subtitles(medium: Any, fetch: Fetch, length: float, target: float) -> Iterator[str]:
    text = fetch(medium.absolute_uri)
    playlist: Playlist = m3u8.loads(text, uri=medium.absolute_uri)
    yield from _media(text, playlist, medium.name)
    yield from _unless(abs(_length(playlist) - length) <= target, f"{medium.name}: it lasts {_length(playlist)} s")
    for segment in playlist.segments:
        yield from _unless(fetch(segment.absolute_uri).startswith("WEBVTT"), f"{medium.name}: not WebVTT")


def _segments(playlist: Playlist) -> tuple[tuple[int, int, float], ...]:
    """(offset, size, duration) of each segment."""
    return tuple((*_range(segment.byterange), segment.duration) for segment in playlist.segments)


def _range(byterange: str) -> tuple[int, int]:
    """(offset, size)."""
    size, _, offset = byterange.partition("@")
    return int(offset), int(size)


def _length(playlist: Playlist) -> float:
    return float(sum(segment.duration for segment in playlist.segments))


def _unless(holds: bool, sentence: str) -> Iterator[str]:  # noqa: FBT001 - a condition and what is wrong without it
    if not holds:
        yield sentence
