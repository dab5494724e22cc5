"""Splits a transcript into subtitle cues. Times are seconds in the transcript, whole milliseconds in cues.

The words between two pauses are divided so that the sum of the costs of the cues is least. Ending a cue in the middle
of a clause costs about 2; the other costs compare with it.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from mediajobs.transcripts.transcript import Transcript, Word, clean, words_of

LINE_COLUMNS = 42
MAX_CUE_MS = 7_000
_READING_MS = 1000 / 21  # to read a column, where the speech allows it
_MIN_CUE_MS = 1_000  # a cue is shown this long, unless the next one starts earlier
_MAX_SECONDS = 1e6  # later times are treated as this
_PAUSE_MS = 1_000  # a cue does not extend across a silence this long
_SHORT_PAUSE_MS = 500  # the middle of a clause ends with it as well as a clause
_ORPHAN_COLUMNS = 16  # one or two words that are not wider are joined to others
_NARROW_COLUMNS = 24
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")  # noqa: RUF001
_CLAUSE_ENDS = (",", ";", ":", "–", "—", "、", "，", "；", "：")  # noqa: RUF001


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues(transcript: Transcript) -> list[Cue]:
    """Cues of at most 2 lines of 42 columns and 7 s: in order, not empty in time, without overlap."""
    pieces = [
        piece
        for segment in transcript.segments
        for piece in _pieces(words_of(segment, transcript), segment.language or transcript.language)
    ]
    groups = [group for run in _runs(pieces) for group in _groups(run)]
    return _in_order([Cue(group[0].start_ms, group[-1].end_ms, _lines(group)) for group in groups])


@dataclass(frozen=True)
class _Piece:
    """A unit that is never split: a word, or the part of a long word that fits a line."""

    text: str
    start_ms: int
    end_ms: int
    space_before: bool
    starts_segment: bool
    language: str | None


def _pieces(words: Sequence[Word], language: str | None) -> Iterator[_Piece]:
    starts_segment = True
    for word in words:
        space_before = starts_segment or word.text[:1].isspace()
        for text, start, end in _timed_parts(clean(word.text), _ms(word.start), _ms(word.end)):
            yield _Piece(text, start, end, space_before, starts_segment, language)
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


class _Run:
    """Pieces without a pause between them, and when the piece after them starts."""

    def __init__(self, pieces: Sequence[_Piece], next_start_ms: int | None) -> None:
        self.pieces = pieces
        self._starts = [*(piece.start_ms for piece in pieces), next_start_ms]
        # A text from `start` to `end` is as wide as the difference, less the space before it.
        self._widths = [0, *accumulate(piece.space_before + _columns(piece.text) for piece in pieces)]
        self._spaces = [0, *accumulate(piece.space_before for piece in pieces)]
        self._boundaries = [*map(_boundary_cost, pieces, pieces[1:]), 0.0]
        self._sentences = [0, *accumulate(map(_ends_sentence, pieces, [*pieces[1:], None]))]

    def __len__(self) -> int:
        return len(self.pieces)

    def ends(self, start: int) -> Iterator[tuple[int, int]]:
        """Where cues can end that start at a piece, and their widths: after it, and as far as two lines and 7 s go."""
        widths = self._widths
        before = widths[start] + self.pieces[start].space_before
        latest = self.pieces[start].start_ms + MAX_CUE_MS
        line_end = start + 1
        for end in range(start + 1, len(self) + 1):
            width = widths[end] - before
            if width <= LINE_COLUMNS:
                line_end = end
            elif end > line_end and widths[end] - widths[line_end] - self.pieces[line_end].space_before > LINE_COLUMNS:
                return
            if end > start + 1 and self.pieces[end - 1].end_ms > latest:
                return
            yield end, width

    def cost(self, start: int, end: int, width: int) -> float:
        """What a cue costs: the least for a whole sentence that is neither short nor long, and can be read in time."""
        cost = 1.0 + self._boundaries[end - 1] + 0.8 * (self._sentences[end - 1] - self._sentences[start])
        cost += 0.5 * (width / LINE_COLUMNS / 2) ** 2  # two cues are about as long
        if width < _NARROW_COLUMNS:
            cost += 2.0 * (1 - width / _NARROW_COLUMNS)
            if width <= _ORPHAN_COLUMNS and self._spaces[end] - self._spaces[start] <= 2:
                cost += 8.0
        shown = _shown_ms(self.pieces[start].start_ms, self.pieces[end - 1].end_ms, width, self._starts[end])
        reading = width * _READING_MS
        if shown < _MIN_CUE_MS:
            cost += 6.0 * (1 - shown / _MIN_CUE_MS)
        return cost + 8.0 * (1 - shown / reading) if shown < reading else cost


def _runs(pieces: Sequence[_Piece]) -> Iterator[_Run]:
    """The pieces between pauses and changes of language."""
    start = 0
    for end, (piece, after) in enumerate(pairwise(pieces), 1):
        if after.start_ms - piece.end_ms >= _PAUSE_MS or after.language != piece.language:
            yield _Run(pieces[start:end], after.start_ms)
            start = end
    if pieces:
        yield _Run(pieces[start:], None)


def _groups(run: _Run) -> list[Sequence[_Piece]]:
    """The pieces of each cue: those with the least sum of costs, from the last cue to the first."""
    costs, ends = [0.0] * (len(run) + 1), [0] * len(run)
    for start in reversed(range(len(run))):
        costs[start], ends[start] = min(
            (run.cost(start, end, width) + costs[end], end) for end, width in run.ends(start)
        )
    groups, start = [], 0
    while start < len(run):
        groups.append(run.pieces[start : ends[start]])
        start = ends[start]
    return groups


def _ends_sentence(piece: _Piece, after: _Piece | None) -> bool:
    return after is None or after.starts_segment or piece.text.endswith(_SENTENCE_ENDS)


def _boundary_cost(piece: _Piece, after: _Piece) -> float:
    """The cost of ending a cue between two pieces."""
    if _ends_sentence(piece, after):
        return 0.0
    if piece.text.endswith(_CLAUSE_ENDS):
        return 0.7
    middle = 2.0 if after.space_before else 2.5
    return middle - 1.3 * min(1.0, max(0.0, (after.start_ms - piece.end_ms) / _SHORT_PAUSE_MS))


def _lines(group: Sequence[_Piece]) -> tuple[str, ...]:
    """One line, or two: about as wide, and better after a comma than before the last word."""
    line = _join(group)
    if _columns(line) <= LINE_COLUMNS:
        return (line,)
    at = min(range(1, len(group)), key=lambda at: _split_cost(group, at))
    return _join(group[:at]), _join(group[at:])


def _split_cost(group: Sequence[_Piece], at: int) -> float:
    first, second = _columns(_join(group[:at])), _columns(_join(group[at:]))
    if max(first, second) > LINE_COLUMNS:
        return math.inf
    orphan = 12.0 if len(group) - at == 1 and second <= _ORPHAN_COLUMNS else 0.0
    return abs(first - second) / 2 + orphan + 4 * _boundary_cost(group[at - 1], group[at])


def _join(group: Sequence[_Piece]) -> str:
    return "".join(f" {piece.text}" if piece.space_before else piece.text for piece in group).strip()


def _in_order(drafts: Sequence[Cue]) -> list[Cue]:
    """Corrects times that overlap or go back, as models return them: cues are shown in reading order."""
    starts: list[int] = []
    for draft in drafts:
        starts.append(max(draft.start_ms, starts[-1] + 1 if starts else 0))
    return [
        Cue(start, start + _shown_ms(start, draft.end_ms, sum(map(_columns, draft.lines)), after), draft.lines)
        for draft, start, after in zip(drafts, starts, [*starts[1:], None], strict=False)
    ]


def _shown_ms(start_ms: int, end_ms: int, columns: int, next_start_ms: int | None) -> int:
    """How long a cue is shown: as long as it is spoken and takes to read, up to 7 s and the next cue's start."""
    shown = min(max(end_ms - start_ms, _MIN_CUE_MS, math.ceil(columns * _READING_MS)), MAX_CUE_MS)
    return shown if next_start_ms is None else min(shown, max(next_start_ms - start_ms, 1))


def _columns(text: str) -> int:
    """The width of a text: a Chinese, Japanese or Korean character takes two columns."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _ms(seconds: float) -> int:
    return round(min(max(seconds, 0.0), _MAX_SECONDS) * 1000) if math.isfinite(seconds) else 0
