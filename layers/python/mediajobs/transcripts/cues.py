"""Splits a transcript into subtitle cues. Times are seconds in the transcript, whole milliseconds in cues."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mediajobs.transcripts.transcript import Transcript, Word, clean, words_of

LINE_COLUMNS = 42
MAX_CUE_MS = 7_000
_MIN_CUE_MS = 1_000  # a cue is shown this long, unless the next one starts earlier
_MAX_SECONDS = 1e6  # later times are treated as this
_PAUSE_MS = 1_000  # a cue does not extend across a silence this long
_SENTENCE_COLUMNS = 20  # a cue at least this wide ends with its sentence


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues(transcript: Transcript) -> list[Cue]:
    """Cues of at most 2 lines of 42 columns and 7 s: in order, not empty in time, without overlap."""
    pieces = [piece for segment in transcript.segments for piece in _pieces(words_of(segment, transcript))]
    return _in_order([Cue(group[0].start_ms, group[-1].end_ms, _lines(group)) for group in _groups(pieces)])


@dataclass(frozen=True)
class _Piece:
    """A unit that is never split: a word, or the part of a long word that fits a line."""

    text: str
    start_ms: int
    end_ms: int
    space_before: bool
    starts_segment: bool


def _pieces(words: Sequence[Word]) -> Iterator[_Piece]:
    starts_segment = True
    for word in words:
        space_before = starts_segment or word.text[:1].isspace()
        for text, start, end in _timed_parts(clean(word.text), _ms(word.start), _ms(word.end)):
            yield _Piece(text, start, end, space_before, starts_segment)
            space_before = starts_segment = False


def _timed_parts(text: str, start_ms: int, end_ms: int) -> Iterator[tuple[str, int, int]]:
    """The parts of a word that fit a line, each with an equal share of the word's time."""
    parts = _line_parts(text)
    part_ms = (end_ms - start_ms) / max(len(parts), 1)
    for number, part in enumerate(parts):
        yield part, round(start_ms + part_ms * number), round(start_ms + part_ms * (number + 1))


def _line_parts(text: str) -> list[str]:
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
        if group and _starts_new_cue(group, piece):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _starts_new_cue(group: list[_Piece], piece: _Piece) -> bool:
    if piece.end_ms - group[0].start_ms > MAX_CUE_MS or piece.start_ms - group[-1].end_ms >= _PAUSE_MS:
        return True
    if not _fits([*group, piece]):
        return True
    sentence_over = piece.starts_segment or group[-1].text.endswith((".", "?", "!", "。", "？", "！"))  # noqa: RUF001
    return sentence_over and _columns(_join(group)) >= _SENTENCE_COLUMNS


def _fits(group: Sequence[_Piece]) -> bool:
    if _columns(_join(group)) <= LINE_COLUMNS:
        return True
    return any(_widest(group, at) <= LINE_COLUMNS for at in range(1, len(group)))


def _lines(group: Sequence[_Piece]) -> tuple[str, ...]:
    """One line, or two lines split so that the wider one is as narrow as possible."""
    line = _join(group)
    if _columns(line) <= LINE_COLUMNS:
        return (line,)
    at = min(range(1, len(group)), key=lambda at: _widest(group, at))
    return _join(group[:at]), _join(group[at:])


def _widest(group: Sequence[_Piece], at: int) -> int:
    return max(_columns(_join(group[:at])), _columns(_join(group[at:])))


def _join(group: Sequence[_Piece]) -> str:
    return "".join(f" {piece.text}" if piece.space_before else piece.text for piece in group).strip()


def _in_order(drafts: Sequence[Cue]) -> list[Cue]:
    """Corrects times that overlap or go back, as models return them: cues are shown in reading order."""
    starts: list[int] = []
    for draft in drafts:
        starts.append(max(draft.start_ms, starts[-1] + 1 if starts else 0))
    timed = []
    for index, (draft, start) in enumerate(zip(drafts, starts, strict=True)):
        end = min(max(draft.end_ms, start + _MIN_CUE_MS), start + MAX_CUE_MS)
        if index + 1 < len(starts):
            end = min(end, starts[index + 1])
        timed.append(Cue(start, end, draft.lines))
    return timed


def _columns(text: str) -> int:
    """The width of a text: a Chinese, Japanese or Korean character takes two columns."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _ms(seconds: float) -> int:
    return round(min(max(seconds, 0.0), _MAX_SECONDS) * 1000) if math.isfinite(seconds) else 0
