"""Indexes a fragmented MP4 while its bytes go by: where each fragment lies and how long it plays."""

from itertools import pairwise
from typing import NamedTuple

from mediajobs.media.iso_bmff import Track, box_header, read_spans, read_tracks
from mediajobs.media.manifests import Fragment

INDEXED_BOXES = {b"moov", b"moof"}  # the boxes that are read; all others are only counted
MAX_BOX_BYTES = 64 << 20  # bytes


class _Piece(NamedTuple):
    offset: int
    size: int
    start: float  # of the leading track, seconds
    end: float  # of the longest track, seconds


class FragmentIndex:
    """Feed it the stream in pieces of any size, then read. It keeps one moov or moof in memory, never media.

    Times follow the leading track: the video, or the only one. Raises ValueError where the bytes are no such MP4.
    """

    def __init__(self) -> None:
        self.init_size = 0
        self.tracks: dict[int, Track] = {}
        self._pieces: list[_Piece] = []
        self._pending = bytearray()
        self._position = 0  # of the first pending byte
        self._skip = 0  # bytes of the present box that are still to come and not read
        self._begin = 0  # where the present fragment begins
        self._times: tuple[float, float] | None = None  # of the moof whose mdat is still to come

    def feed(self, data: bytes) -> None:
        self._pending += data
        while self._pending and self._step():
            pass

    @property
    def count(self) -> int:
        return len(self._pieces)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample indexed so far."""
        return self._pieces[-1].end - self._pieces[0].start if self._pieces else 0.0

    @property
    def codecs(self) -> str:
        """RFC 6381, as in an HLS CODECS attribute: `avc1.64001f,mp4a.40.2`."""
        return ",".join(track.codec for track in self.tracks.values())

    @property
    def fragments(self) -> list[Fragment]:
        """The fragments so far: each plays until the next one starts, the last until its longest track ends."""
        ends = [following.start for _, following in pairwise(self._pieces)] + [p.end for p in self._pieces[-1:]]
        return [
            Fragment(offset=piece.offset, size=piece.size, duration=round(end - piece.start, 6))
            for piece, end in zip(self._pieces, ends, strict=True)
        ]

    def _step(self) -> bool:
        """Take one whole box, or as much as is there of one that is only counted; False: more bytes are needed."""
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
            self._count(kind, size)
            return True
        if len(self._pending) < size:
            return False
        self._read(kind, bytes(self._pending[header:size]))
        del self._pending[:size]
        self._position += size
        if kind == b"moov":
            self.init_size = self._begin = self._position
        return True

    def _count(self, kind: bytes, size: int) -> None:
        if kind == b"mdat" and self._times is not None:
            end = self._position + size
            self._pieces.append(_Piece(self._begin, end - self._begin, *self._times))
            self._begin, self._times = end, None
        self._skip = size

    def _advance(self, size: int) -> None:
        del self._pending[:size]
        self._position += size
        self._skip -= size

    def _read(self, kind: bytes, payload: bytes) -> None:
        if kind == b"moov":
            self.tracks = {track.track_id: track for track in read_tracks(payload)}
            return
        leader = self._leader()
        spans = read_spans(payload, self.tracks)
        starts = [span.start / leader.timescale for span in spans if span.track_id == leader.track_id]
        ends = [span.end / self.tracks[span.track_id].timescale for span in spans]
        if not starts:
            raise ValueError(f"a fragment without track {leader.track_id} at {self._position}")
        self._times = (starts[0], max(ends))

    def _leader(self) -> Track:
        if not self.tracks:
            raise ValueError("a fragment before its moov")
        return next((track for track in self.tracks.values() if track.kind == "vide"), next(iter(self.tracks.values())))
