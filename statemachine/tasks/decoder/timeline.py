"""One clock for all streams of a source, whose own timestamps may jump."""

# Containers made for broadcasts: a stream that was restarted goes on with other timestamps, so a leap means nothing.
BROADCAST_GAP_SECONDS = 10.0
# Elsewhere nothing at all for some minutes may be meant: a paused recording, a picture that stands still.
OTHER_GAP_SECONDS = 600.0
BACKWARD_SECONDS = 0.5  # decode times never go back, but for rounding
REORDERED_SECONDS = 10.0  # presentation times do, where pictures refer to later ones
ADJACENT_SECONDS = 1.0  # a packet this close to the one before certainly continues it


class Timeline:
    """Maps timestamps, packet by packet in the order of the file, in seconds.

    A leap over `gap_seconds` in which no stream has anything, and a return, continue where the source had come to. The
    streams leap one after the other, so a packet takes the offset before the last leap where that continues its stream.
    Everybody who reads the same packets gets the same times.
    """

    def __init__(self, gap_seconds: float) -> None:
        self.jumps = 0
        self.end = 0.0  # of all packets so far
        self._gap_seconds = gap_seconds
        self._offsets = [0.0]  # the latest first, and the one before it
        self._latest: dict[int, float] = {}  # when the latest packet of each stream is decoded
        self._is_empty = True

    def offset(self, stream: int, decoded_at: float | None, shown_at: float, duration: float) -> float:
        """Seconds to add to the timestamps of a packet. Some containers do not tell when it is decoded."""
        offset = self._reordered_offset(shown_at) if decoded_at is None else self._known_offset(stream, decoded_at)
        if offset is None:
            self.jumps += 1
            offset = self.end - shown_at
            self._offsets = [offset, self._offsets[0]]
        end = shown_at + offset + duration
        self.end = end if self._is_empty else max(self.end, end)
        if decoded_at is not None:
            self._latest[stream] = decoded_at + offset
        self._is_empty = False
        return offset

    def _known_offset(self, stream: int, time: float) -> float | None:
        latest = self._latest.get(stream)
        if latest is not None:
            for offset in self._offsets:
                if -BACKWARD_SECONDS < time + offset - latest < ADJACENT_SECONDS:
                    return offset
        moved = time + self._offsets[0]
        goes_back = latest is not None and moved < latest - BACKWARD_SECONDS
        return None if goes_back or self._leaps(moved) else self._offsets[0]

    def _reordered_offset(self, shown_at: float) -> float | None:
        moved = shown_at + self._offsets[0]
        goes_back = not self._is_empty and moved < self.end - REORDERED_SECONDS
        return None if goes_back or self._leaps(moved) else self._offsets[0]

    def _leaps(self, time: float) -> bool:
        return not self._is_empty and time > self.end + self._gap_seconds
