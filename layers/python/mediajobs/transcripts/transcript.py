"""A transcript as data, as text and as JSON."""

import json
import math
import unicodedata
from dataclasses import dataclass
from typing import Any

_UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my"})  # written without blanks


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


def to_txt(transcript: Transcript) -> str:
    """One line a segment."""
    return "".join(f"{line}\n" for line in map(_clean_text, transcript.segments) if line)


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
    return sum(len(words_of(segment, transcript)) for segment in transcript.segments)


def words_of(segment: Segment, transcript: Transcript) -> list[Word]:
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


def _evenly(segment: Segment) -> list[Word]:
    """Without word times every character takes as long as any other."""
    words = clean(segment.text).split()
    letters = sum(map(len, words)) or 1
    pace = (segment.end - segment.start) / letters
    timed, start = [], segment.start
    for word in words:
        timed.append(Word(f" {word}", start, start + pace * len(word)))
        start += pace * len(word)
    return timed


def _clean_text(segment: Segment) -> str:
    return clean(segment.text)


def clean(text: str) -> str:
    """One line without control characters, lone surrogates and double blanks."""
    kept = (" " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)
    return " ".join("".join(kept).split())


def _segment_json(number: int, segment: Segment, transcript: Transcript) -> dict[str, Any]:
    words = [
        {
            "word": word.text.strip(),
            "start": _number(word.start),
            "end": _number(word.end),
            "probability": _number(word.probability),
        }
        for word in (words_of(segment, transcript) if segment.words else [])
    ]
    text = {"id": number, "start": _number(segment.start), "end": _number(segment.end), "text": _clean_text(segment)}
    return {**text, "words": words}


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)
