"""Indexes a fragmented MP4 as its bytes pass: offset, size, duration and first picture of each fragment."""

import struct
from itertools import pairwise
from typing import NamedTuple

from mediajobs.media.iso_bmff import Track, box_header, read_spans, read_tracks
from mediajobs.media.manifests import Fragment

INDEXED_BOXES = {b"moov", b"moof"}  # the boxes that are read; of all others only the size is used
MAX_BOX_BYTES = 4 << 20  # bytes; those of a fragment of some seconds have thousands, and reading one takes ten times it
MAX_TRACKS = 8  # an output has two at most
MAX_FRAGMENTS = 100_000  # 12 hours have 10,800
_MALFORMED = (struct.error, IndexError, KeyError, StopIteration, ZeroDivisionError, OverflowError)


class _TimedFragment(NamedTuple):
    offset: int
    size: int
    start: float  # of the leading track, seconds
    end: float  # of the longest track, seconds
    keyframe_size: int | None


class _Moof(NamedTuple):
    """A moof whose mdat is still to come. `keyframe`: see `iso_bmff.Span.first_sample`, from the moof's `offset`."""

    offset: int
    start: float
    end: float
    keyframe: tuple[int, int] | None


class FragmentIndex:
    """Feed it the stream in chunks of any size, then read the properties. It keeps at most one moov or moof in memory.

    Times are those of the leading track: the video, or the only track. Raises ValueError where the bytes are no
    fragmented MP4.
    """

    def __init__(self) -> None:
        self.init_size = 0
        self.tracks: dict[int, Track] = {}
        self._fragments: list[_TimedFragment] = []
        self._pending = bytearray()
        self._position = 0  # of the first pending byte
        self._skip = 0  # bytes of the current box that are still to come and are not read
        self._start = 0  # offset of the current fragment
        self._moof: _Moof | None = None

    def feed(self, data: bytes) -> None:
        self._pending += data
        try:
            while self._pending and self._next_box():
                pass
        except _MALFORMED as error:
            raise ValueError(f"a malformed box at {self._position}") from error

    @property
    def count(self) -> int:
        return len(self._fragments)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample indexed so far."""
        return self._fragments[-1].end - self._fragments[0].start if self._fragments else 0.0

    @property
    def codecs(self) -> str:
        """RFC 6381, as in an HLS CODECS attribute: `avc1.64001f,mp4a.40.2`."""
        return ",".join(track.codec for track in self.tracks.values())

    @property
    def fragments(self) -> list[Fragment]:
        """The fragments so far. Each lasts until the next one starts, the last until its longest track ends."""
        ends = [following.start for _, following in pairwise(self._fragments)] + [
            last.end for last in self._fragments[-1:]
        ]
        return [
            Fragment(
                offset=fragment.offset,
                size=fragment.size,
                duration=round(end - fragment.start, 6),
                keyframe_size=fragment.keyframe_size,
            )
            for fragment, end in zip(self._fragments, ends, strict=True)
        ]

    def _next_box(self) -> bool:
        """Reads one box, or skips bytes of a box that is not read. Returns False where more bytes are needed."""
        if self._skip:
            self._advance(min(self._skip, len(self._pending)))
            return not self._skip
        if len(self._pending) < 8:
            return False
        header, size, kind = box_header(self._pending[:16])
        if len(self._pending) < header:
            return False
        if size < header or (kind in INDEXED_BOXES and size > MAX_BOX_BYTES):
            raise ValueError(f"a {kind!r} box of {size} bytes at {self._position}")
        if kind not in INDEXED_BOXES:
            self._begin_skip(kind, header, size)
            return True
        if len(self._pending) < size:
            return False
        self._read(kind, bytes(self._pending[header:size]))
        del self._pending[:size]
        self._position += size
        if kind == b"moov":
            self.init_size = self._start = self._position
        return True

    def _begin_skip(self, kind: bytes, header: int, size: int) -> None:
        if kind == b"mdat" and self._moof is not None:
            if len(self._fragments) >= MAX_FRAGMENTS:
                raise ValueError(f"more than {MAX_FRAGMENTS} fragments")
            moof, end = self._moof, self._position + size
            keyframe = self._keyframe_size(moof, self._position + header)
            self._fragments.append(_TimedFragment(self._start, end - self._start, moof.start, moof.end, keyframe))
            self._start, self._moof = end, None
        self._skip = size

    def _keyframe_size(self, moof: _Moof, media: int) -> int | None:
        """From the fragment's start to its first picture's end, where that picture is the first in the `media`."""
        if moof.keyframe is None or moof.offset + moof.keyframe[0] != media:
            return None
        return media + moof.keyframe[1] - self._start

    def _advance(self, size: int) -> None:
        del self._pending[:size]
        self._position += size
        self._skip -= size

    def _read(self, kind: bytes, payload: bytes) -> None:
        if kind == b"moov":
            self.tracks = {track.track_id: track for track in read_tracks(payload)}
            if len(self.tracks) > MAX_TRACKS:
                raise ValueError(f"{len(self.tracks)} tracks")
            return
        leader = self._leader()
        spans = read_spans(payload, self.tracks)
        leading = next((span for span in spans if span.track_id == leader.track_id), None)
        if leading is None:
            raise ValueError(f"a fragment without track {leader.track_id} at {self._position}")
        ends = [span.end / self.tracks[span.track_id].timescale for span in spans]
        keyframe = leading.first_sample if leader.kind == "vide" else None
        self._moof = _Moof(self._position, leading.start / leader.timescale, max(ends), keyframe)

    def _leader(self) -> Track:
        if not self.tracks:
            raise ValueError("a fragment before its moov")
        return next((track for track in self.tracks.values() if track.kind == "vide"), next(iter(self.tracks.values())))
