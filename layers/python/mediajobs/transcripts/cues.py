"""What was said, as text, SubRip, WebVTT and JSON. Times are seconds in the transcript, whole milliseconds in cues."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mediajobs.transcripts.transcript import Transcript, Word, clean, words_of

LINE_COLUMNS = 42
CUE_MS = 7_000
_READABLE_MS = 1_000  # a cue stays this long where the next one leaves it room
_LONGEST = 1e6  # seconds; later times are no times
_PAUSE_MS = 1_000  # a silence that a cue does not reach across
_SENTENCE_COLUMNS = 20  # a cue this wide ends with its sentence


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues(transcript: Transcript) -> list[Cue]:
    """Cues of at most 2 lines of 42 columns and 7 s, in order, each longer than nothing, none over another."""
    pieces = [piece for segment in transcript.segments for piece in _pieces(words_of(segment, transcript))]
    return _in_time([Cue(group[0].start_ms, group[-1].end_ms, _lines(group)) for group in _groups(pieces)])


@dataclass(frozen=True)
class _Piece:
    """What is never broken: a word, or as much of a long one as fits a line."""

    text: str
    start_ms: int
    end_ms: int
    spaced: bool
    opens: bool  # the first of its segment


def _pieces(words: Sequence[Word]) -> Iterator[_Piece]:
    opens = True
    for word in words:
        spaced = opens or word.text[:1].isspace()
        for text, start, end in _parts(clean(word.text), _ms(word.start), _ms(word.end)):
            yield _Piece(text, start, end, spaced, opens)
            spaced = opens = False


def _parts(text: str, start_ms: int, end_ms: int) -> Iterator[tuple[str, int, int]]:
    """A word in parts that fit a line, its time shared out."""
    parts = _chopped(text)
    each = (end_ms - start_ms) / max(len(parts), 1)
    for number, part in enumerate(parts):
        yield part, round(start_ms + each * number), round(start_ms + each * (number + 1))


def _chopped(text: str) -> list[str]:
    parts: list[str] = []
    for character in text:
        if parts and _columns(parts[-1] + character) <= LINE_COLUMNS:
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _groups(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    for piece in pieces:
        if group and _ends_before(group, piece):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _ends_before(group: list[_Piece], piece: _Piece) -> bool:
    if piece.end_ms - group[0].start_ms > CUE_MS or piece.start_ms - group[-1].end_ms >= _PAUSE_MS:
        return True
    if not _fits([*group, piece]):
        return True
    sentence_over = piece.opens or group[-1].text.endswith((".", "?", "!", "。", "？", "！"))  # noqa: RUF001
    return sentence_over and _columns(_joined(group)) >= _SENTENCE_COLUMNS


def _fits(group: Sequence[_Piece]) -> bool:
    if _columns(_joined(group)) <= LINE_COLUMNS:
        return True
    return any(_widest(group, at) <= LINE_COLUMNS for at in range(1, len(group)))


def _lines(group: Sequence[_Piece]) -> tuple[str, ...]:
    """One line, or the two that are nearest to each other in width."""
    whole = _joined(group)
    if _columns(whole) <= LINE_COLUMNS:
        return (whole,)
    at = min(range(1, len(group)), key=lambda at: _widest(group, at))
    return _joined(group[:at]), _joined(group[at:])


def _widest(group: Sequence[_Piece], at: int) -> int:
    return max(_columns(_joined(group[:at])), _columns(_joined(group[at:])))


def _joined(group: Sequence[_Piece]) -> str:
    return "".join(f" {piece.text}" if piece.spaced else piece.text for piece in group).strip()


def _in_time(drafts: Sequence[Cue]) -> list[Cue]:
    """Models give times that touch, cross or go back: what is read in order is shown in order."""
    starts: list[int] = []
    for draft in drafts:
        starts.append(max(draft.start_ms, starts[-1] + 1 if starts else 0))
    timed = []
    for number, (draft, start) in enumerate(zip(drafts, starts, strict=True)):
        end = min(max(draft.end_ms, start + _READABLE_MS), start + CUE_MS)
        if number + 1 < len(starts):
            end = min(end, starts[number + 1])
        timed.append(Cue(start, end, draft.lines))
    return timed


def _columns(text: str) -> int:
    """Chinese, Japanese and Korean characters are as wide as two others."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _ms(seconds: float) -> int:
    return round(min(max(seconds, 0.0), _LONGEST) * 1000) if math.isfinite(seconds) else 0
