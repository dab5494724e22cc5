"""What was said, as text, SubRip, WebVTT and JSON. Times are seconds in the transcript, whole milliseconds in cues."""

import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LINE_COLUMNS = 42
CUE_MS = 7_000
_READABLE_MS = 1_000  # a cue stays this long where the next one leaves it room
_UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my"})  # written without blanks
_LONGEST = 1e6  # seconds; later times are no times
_PAUSE_MS = 1_000  # a silence that a cue does not reach across
_SENTENCE_COLUMNS = 20  # a cue this wide ends with its sentence
_SRT_LOOK_ALIKES = str.maketrans("<>{}", "‹›()")  # noqa: RUF001


@dataclass(frozen=True)
class Word:
    """A word as the model spaces it: a leading blank says that it does not cling to the word before."""

    text: str
    start: float
    end: float
    probability: float = 1.0


@dataclass(frozen=True)
class Segment:
    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """`language` is None where nobody spoke, its probability where it was not measured. `duration` is in seconds."""

    segments: tuple[Segment, ...]
    language: str | None
    language_probability: float | None
    duration: float
    model: str
    task: str = "transcribe"


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def to_txt(transcript: Transcript) -> str:
    """One line a segment."""
    return "".join(f"{line}\n" for line in map(_clean_text, transcript.segments) if line)


def to_srt(transcript: Transcript) -> str:
    """SubRip. It has no escapes: what a player would take for mark-up is written with look-alikes."""
    blocks = []
    for number, cue in enumerate(cues(transcript), 1):
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{_payload(cue, _srt_text)}\n")
    return "\n".join(blocks)


def to_vtt(transcript: Transcript) -> str:
    blocks = (
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_payload(cue, _vtt_text)}\n"
        for cue in cues(transcript)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def to_json(transcript: Transcript) -> str:
    """Everything that is known, the words with their times included. Valid JSON always: what is no number is null."""
    document = {
        "language": transcript.language,
        "language_probability": _number(transcript.language_probability),
        "duration": _number(transcript.duration),
        "model": transcript.model,
        "task": transcript.task,
        "word_count": word_count(transcript),
        "text": " ".join(filter(None, map(_clean_text, transcript.segments))),
        "segments": [_segment_json(number, segment, transcript) for number, segment in enumerate(transcript.segments)],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def word_count(transcript: Transcript) -> int:
    return sum(len(_words(segment, transcript)) for segment in transcript.segments)


def cues(transcript: Transcript) -> list[Cue]:
    """Cues of at most 2 lines of 42 columns and 7 s, in order, each longer than nothing, none over another."""
    pieces = [piece for segment in transcript.segments for piece in _pieces(_words(segment, transcript))]
    return _in_time([Cue(group[0].start_ms, group[-1].end_ms, _lines(group)) for group in _groups(pieces)])


@dataclass(frozen=True)
class _Piece:
    """What is never broken: a word, or as much of a long one as fits a line."""

    text: str
    start_ms: int
    end_ms: int
    spaced: bool
    opens: bool  # the first of its segment


def _words(segment: Segment, transcript: Transcript) -> list[Word]:
    """What reads as words: where blanks part them, a `-hearted` that clings to `cold` belongs to it.

    A translation is into English, although the model parts its words as the language it comes from would have it.
    """
    words = segment.words or _evenly(segment)
    if transcript.language in _UNSPACED and transcript.task != "translate":
        return list(words)
    whole: list[Word] = []
    for word in words:
        if whole and not word.text[:1].isspace():
            first = whole.pop()
            word = Word(first.text + word.text, first.start, word.end, min(first.probability, word.probability))
        whole.append(word)
    return whole


def _pieces(words: Sequence[Word]) -> Iterator[_Piece]:
    opens = True
    for word in words:
        spaced = opens or word.text[:1].isspace()
        for text, start, end in _parts(_clean(word.text), _ms(word.start), _ms(word.end)):
            yield _Piece(text, start, end, spaced, opens)
            spaced = opens = False


def _evenly(segment: Segment) -> list[Word]:
    """Without word times every character takes as long as any other."""
    words = _clean(segment.text).split()
    letters = sum(map(len, words)) or 1
    pace = (segment.end - segment.start) / letters
    timed, start = [], segment.start
    for word in words:
        timed.append(Word(f" {word}", start, start + pace * len(word)))
        start += pace * len(word)
    return timed


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


def _clean_text(segment: Segment) -> str:
    return _clean(segment.text)


def _clean(text: str) -> str:
    """One line without control characters, lone surrogates and double blanks."""
    kept = (" " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)
    return " ".join("".join(kept).split())


def _payload(cue: Cue, written: Callable[[str], str]) -> str:
    return "\n".join(map(written, cue.lines))


def _srt_text(text: str) -> str:
    return text.translate(_SRT_LOOK_ALIKES)


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(milliseconds: int, point: str) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{fraction:03}"


def _ms(seconds: float) -> int:
    return round(min(max(seconds, 0.0), _LONGEST) * 1000) if math.isfinite(seconds) else 0


def _segment_json(number: int, segment: Segment, transcript: Transcript) -> dict[str, Any]:
    words = [
        {
            "word": word.text.strip(),
            "start": _number(word.start),
            "end": _number(word.end),
            "probability": _number(word.probability),
        }
        for word in (_words(segment, transcript) if segment.words else [])
    ]
    text = {"id": number, "start": _number(segment.start), "end": _number(segment.end), "text": _clean_text(segment)}
    return {**text, "words": words}


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)
