"""Finds the language of each part of a source from what Whisper's encoder made of it.

The encoder's output of a chunk is cut in time, and Whisper asked for the language of each cut: one step of the decoder,
where a second encoding would cost as much as a fifth of the transcription.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statemachine.tasks.speech_chunks import CHUNK_SECONDS, SAMPLE_RATE, Chunk, Samples, Span, quietest

Encoded = NDArray[np.float32]  # chunks x 1500 frames x width
Probabilities = dict[str, float]

_FRAMES_PER_SECOND = 50  # of the encoder's output
_CUTS = 3  # of a chunk, 10 s each, for a first look
_CLEAR_PROBABILITY = 0.9  # a chunk is not looked at closer where every cut has the same language with this
_MIN_CUT_SECONDS = 3.0  # of speech
_PIECE_SECONDS = (1.5, 4.0)  # at a closer look
_PAUSE_SAMPLES = SAMPLE_RATE // 10
_PAUSE_LOUDNESS = 0.1  # of the speech around it; the quietest moment of a word has 0.16 or more
# A change of language must be worth this much: natural logarithm of a ratio of probabilities, for pieces of 4 s.
_CHANGE_COST = 3.0
_MIN_PROBABILITY = 0.01  # so that no piece outweighs several


@dataclass(frozen=True)
class Part:
    """A chunk in one language. `row` is the encoded chunk that it is, None where it is a piece of one."""

    chunk: Chunk
    language: str
    probability: float | None
    row: int | None


@dataclass(frozen=True)
class _Piece:
    row: int
    spans: tuple[Span, ...]
    probabilities: Probabilities

    @property
    def seconds(self) -> float:
        return _seconds(self.spans)


def parts(whisper: Any, samples: Samples, chunks: Sequence[Chunk], encoded: Encoded, before: str | None) -> list[Part]:
    """The chunks, each in its language, divided where the language changes. `before` is the language before them."""
    looks = _first_look(whisper, chunks, encoded)
    pieces = [
        piece
        for row, (chunk, cuts) in enumerate(zip(chunks, looks, strict=True))
        for piece in _pieces(whisper, samples, chunk, encoded[row], row, cuts)
    ]
    languages = _most_likely([(piece.probabilities, piece.seconds) for piece in pieces], before)
    return list(_joined(chunks, list(zip(pieces, languages, strict=True))))


def _first_look(whisper: Any, chunks: Sequence[Chunk], encoded: Encoded) -> list[list[Probabilities]]:
    """The languages of the cuts of each chunk that hold enough speech, at least of the first."""
    frames = encoded.shape[1] // _CUTS
    cuts = _detect(whisper, encoded.reshape(len(chunks) * _CUTS, frames, -1))
    seconds = CHUNK_SECONDS / _CUTS
    counts = [1 + sum(chunk.seconds >= seconds * cut + _MIN_CUT_SECONDS for cut in range(1, _CUTS)) for chunk in chunks]
    return [cuts[row * _CUTS : row * _CUTS + count] for row, count in enumerate(counts)]


def _pieces(
    whisper: Any, samples: Samples, chunk: Chunk, encoded: Encoded, row: int, cuts: Sequence[Probabilities]
) -> list[_Piece]:
    language = _top(cuts[0])
    if all(cut.get(language, 0.0) >= _CLEAR_PROBABILITY for cut in cuts):
        mean = {name: sum(cut.get(name, 0.0) for cut in cuts) / len(cuts) for name in cuts[0]}
        return [_Piece(row, chunk.spans, mean)]
    return list(_closer_look(whisper, samples, chunk, encoded, row))


def _closer_look(whisper: Any, samples: Samples, chunk: Chunk, encoded: Encoded, row: int) -> Iterator[_Piece]:
    """Each piece by itself, which knows where the language changes, and with its neighbours, which is surer."""
    groups = list(_short_spans(samples, chunk))
    edges = [round(seconds * _FRAMES_PER_SECOND) for seconds in accumulate(map(_seconds, groups), initial=0.0)]
    for at, spans in enumerate(groups):
        alone = _detect_between(whisper, encoded, edges[at], edges[at + 1])
        among = _detect_between(whisper, encoded, edges[max(at - 1, 0)], edges[min(at + 2, len(groups))])
        yield _Piece(row, spans, {name: math.sqrt(share * among[name]) for name, share in alone.items()})


def _detect_between(whisper: Any, encoded: Encoded, first: int, last: int) -> Probabilities:
    if last - first == whisper.model.n_mels:  # CTranslate2 would take them for features
        first, last = (first - 1, last) if first else (first, last + 1)
    return _detect(whisper, encoded[None, first:last])[0]


def _short_spans(samples: Samples, chunk: Chunk) -> Iterator[tuple[Span, ...]]:
    """The spans of a chunk in groups of 1.5 to 4 s where the voice pauses so often."""
    shortest, _ = _PIECE_SECONDS
    group: list[Span] = []
    left = chunk.seconds
    for span in (short for long in chunk.spans for short in _halves(samples, long)):
        group.append(span)
        left -= _seconds([span])
        if _seconds(group) >= shortest and (left >= shortest or left <= 0):
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _halves(samples: Samples, span: Span) -> Iterator[Span]:
    """A long span cut at pauses that voice detection passed over. A cut inside of a word would spoil it."""
    shortest, longest = (int(seconds * SAMPLE_RATE) for seconds in _PIECE_SECONDS)
    if span.end - span.start > longest:
        cut = quietest(samples, span.start + shortest, span.end - shortest, _PAUSE_SAMPLES)
        pause = samples[cut - _PAUSE_SAMPLES // 2 : cut + _PAUSE_SAMPLES // 2]
        if _loudness(pause) < _PAUSE_LOUDNESS * _loudness(samples[span.start : span.end]):
            yield from _halves(samples, Span(span.start, cut))
            yield from _halves(samples, Span(cut, span.end))
            return
    yield span


def _loudness(samples: Samples) -> float:
    return float(np.abs(samples, dtype=np.float32).mean())


def _most_likely(pieces: Sequence[tuple[Probabilities, float]], before: str | None) -> list[str]:
    """The most likely languages of pieces in a row (Viterbi), each given as its probabilities and seconds."""
    candidates = sorted({_top(probabilities) for probabilities, _ in pieces} | ({before} if before else set()))
    scores = {name: 0.0 if before in (None, name) else -_CHANGE_COST for name in candidates}
    choices: list[dict[str, str]] = []
    for probabilities, seconds in pieces:
        best = max(candidates, key=scores.__getitem__)
        choice = {name: name if scores[name] >= scores[best] - _CHANGE_COST else best for name in candidates}
        scores = {
            name: max(scores[name], scores[best] - _CHANGE_COST) + _evidence(probabilities, name, seconds)
            for name in candidates
        }
        choices.append(choice)
    languages = [max(candidates, key=scores.__getitem__)]
    for choice in reversed(choices[1:]):
        languages.append(choice[languages[-1]])
    return languages[::-1]


def _evidence(probabilities: Probabilities, language: str, seconds: float) -> float:
    return math.log(max(probabilities.get(language, 0.0), _MIN_PROBABILITY)) * seconds / _PIECE_SECONDS[1]


def _joined(chunks: Sequence[Chunk], pieces: Iterable[tuple[_Piece, str]]) -> Iterator[Part]:
    for (row, language), group in groupby(pieces, key=lambda pair: (pair[0].row, pair[1])):
        members = [piece for piece, _ in group]
        spans = _merged([span for piece in members for span in piece.spans])
        chunk = chunks[row]
        probability = sum(piece.probabilities.get(language, 0.0) * piece.seconds for piece in members)
        part = Chunk(spans, chunk.offset + _before(chunk, spans[0].start))
        yield Part(part, language, probability / _seconds(spans), row if _seconds(spans) == chunk.seconds else None)


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Joins again what was cut at a quiet moment."""
    starts = [spans[0].start, *(after.start for one, after in pairwise(spans) if after.start != one.end)]
    ends = [*(one.end for one, after in pairwise(spans) if after.start != one.end), spans[-1].end]
    return tuple(map(Span, starts, ends))


def _before(chunk: Chunk, position: int) -> float:
    """Seconds of a chunk's speech before a position in the source."""
    return sum(max(0, min(span.end, position) - span.start) for span in chunk.spans) / SAMPLE_RATE


def _seconds(spans: Iterable[Span]) -> float:
    return sum(span.end - span.start for span in spans) / SAMPLE_RATE


def _detect(whisper: Any, encoded: Encoded) -> list[Probabilities]:
    import ctranslate2  # type: ignore[import-untyped]

    view = ctranslate2.StorageView.from_array(np.ascontiguousarray(encoded))
    return [{token[2:-2]: share for token, share in found} for found in whisper.model.detect_language(view)]


def _top(probabilities: Probabilities) -> str:
    return max(probabilities, key=probabilities.__getitem__)
