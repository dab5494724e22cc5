"""The transcript as data, and its text and JSON formats."""

import json
import math
import unicodedata
from dataclasses import dataclass
from typing import Any

_UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "my"})  # languages written without spaces


@dataclass(frozen=True)
class Word:
    """A word as the model returns it: without a leading space it continues the word before. Times in seconds."""

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
    language: str | None = None  # the one that is spoken; None: the transcript's


@dataclass(frozen=True)
class LanguageShare:
    """A language and its share of the seconds with speech, from 0 to 1."""

    language: str
    share: float


@dataclass(frozen=True)
class Transcript:
    """`language` is the main one, None without speech; `languages` has all of them, the largest share first.

    `language_probability` is None where it was not measured. `duration` is in seconds.
    """

    segments: tuple[Segment, ...]
    language: str | None
    language_probability: float | None
    duration: float
    model: str
    task: str = "transcribe"
    languages: tuple[LanguageShare, ...] = ()


def to_txt(transcript: Transcript) -> str:
    """Plain text, one line for each segment."""
    return "".join(f"{line}\n" for line in map(_clean_text, transcript.segments) if line)


def to_json(transcript: Transcript) -> str:
    """The transcript as JSON, with the words and their times. NaN and infinity become null, so that it is valid."""
    document = {
        "language": transcript.language,
        "language_probability": _number(transcript.language_probability),
        "languages": [{"language": each.language, "share": _number(each.share)} for each in transcript.languages],
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
    """The words of a segment. In a language with spaces, `cold` and `-hearted` without a space between are one word.

    A translation is in English, although the model splits its words by the rules of the original language.
    """
    words = segment.words or _estimated_words(segment)
    if (segment.language or transcript.language) in _UNSPACED_LANGUAGES and transcript.task != "translate":
        return list(words)
    joined: list[Word] = []
    for word in words:
        if joined and not word.text[:1].isspace():
            first = joined.pop()
            word = Word(first.text + word.text, first.start, word.end, min(first.probability, word.probability))
        joined.append(word)
    return joined


def _estimated_words(segment: Segment) -> list[Word]:
    """Words with estimated times, for a segment without word times: every character takes equally long."""
    words = clean(segment.text).split()
    letters = sum(map(len, words)) or 1
    seconds_per_letter = (segment.end - segment.start) / letters
    timed, start = [], segment.start
    for word in words:
        timed.append(Word(f" {word}", start, start + seconds_per_letter * len(word)))
        start += seconds_per_letter * len(word)
    return timed


def _clean_text(segment: Segment) -> str:
    return clean(segment.text)


def clean(text: str) -> str:
    """The text on one line, without control characters, lone surrogates and repeated spaces."""
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
    return {**text, "language": segment.language or transcript.language, "words": words}


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)
