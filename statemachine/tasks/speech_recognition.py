"""Speech recognition with Whisper's parts from faster-whisper, so that memory hardly grows with the length.

An hour takes 115 MB as 16-bit samples. Everything else is the same for every length.

What faster-whisper's batched pipeline does one after the other runs side by side here: voice detection and features in
threads, the encoder a batch ahead on a GPU. Chunks, prompts and word times are those of the pipeline, so are the words.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby, islice
from typing import Any

import numpy as np

from mediajobs.transcripts.transcript import LanguageShare, Segment, Transcript
from statemachine.tasks.speech_chunks import SAMPLE_RATE as SAMPLE_RATE
from statemachine.tasks.speech_chunks import Chunk, Features, ahead, chunks, features
from statemachine.tasks.speech_chunks import Samples as Samples
from statemachine.tasks.speech_decoder import Decoder, rows, view
from statemachine.tasks.speech_languages import Part, parts
from statemachine.tasks.speech_model import SpeechModel

# Chunks of up to 30 s that are decoded together. On a CPU 8 are no faster than 4, take 0.2 GB more, and report progress
# half as often.
_BATCH_SIZE = {"cpu": 4, "cuda": 16}
# Threads for voice detection and as many for features. On a CPU the model uses every core itself.
_THREADS = {"cpu": 1, "cuda": 8}
_BATCHES_AHEAD = {"cpu": 0, "cuda": 1}  # that are encoded while the one before is decoded

_Batch = list[tuple[Chunk, Features]]
_Spoken = tuple[Part, Segment | None]  # None where there is no speech after all


def transcribe(
    model: SpeechModel,
    samples: Samples,
    *,
    language: str | None = None,
    task: str = "transcribe",
    on_progress: Callable[[float], None] = lambda _fraction: None,
) -> Transcript:
    """Transcribes mono samples of 16 kHz. `on_progress` gets the fraction that is done, from 0 to 1.

    Without a language, that of each part is detected. `language_probability` is the main language's; it is None where
    nothing was detected: the language was given, the model knows only one, or there is no speech.
    """
    spoken: list[tuple[Part, Segment]] = []
    with closing(_recognise(model, samples, language, task)) as recognised:
        for part, segment in recognised:
            if segment is not None:
                spoken.append((part, segment))
            on_progress(part.chunk.spans[-1].end / len(samples))
    on_progress(1)
    shares = _shares([part for part, _ in spoken])
    main = shares[0].language if shares else language
    return Transcript(
        segments=tuple(segment for _, segment in spoken),
        language=main,
        language_probability=_probability([part for part, _ in spoken if part.language == main]),
        duration=len(samples) / SAMPLE_RATE,
        model=model.name,
        task=task,
        languages=shares,
    )


def _recognise(model: SpeechModel, samples: Samples, language: str | None, task: str) -> Generator[_Spoken]:
    decoder, device = Decoder(model, task), model.device
    if not model.whisper.model.is_multilingual:
        language = "en"
    batches = _batches(_spectrograms(model, samples), _BATCH_SIZE[device])
    encode = partial(_encode, decoder)
    before: str | None = None
    with closing(ahead(encode, batches, 1, _BATCHES_AHEAD[device])) as encoded_batches:
        for batch, encoded in encoded_batches:
            if language is not None:
                known = [Part(chunk, language, None, row) for row, chunk in enumerate(batch)]
                yield from _decode(decoder, known, encoded)
                continue
            found = parts(model.whisper, samples, batch, rows(encoded), before)
            before = found[-1].language
            yield from _decode_parts(model, decoder, samples, found, encoded)


def _spectrograms(model: SpeechModel, samples: Samples) -> Iterator[tuple[Chunk, Features]]:
    threads = _THREADS[model.device]

    def with_features(chunk: Chunk) -> tuple[Chunk, Features]:
        return chunk, features(model.whisper, samples, chunk)

    return ahead(with_features, chunks(samples, threads), threads, _BATCH_SIZE[model.device])


def _batches(items: Iterator[tuple[Chunk, Features]], size: int) -> Iterator[_Batch]:
    while batch := list(islice(items, size)):
        yield batch


def _encode(decoder: Decoder, batch: _Batch) -> tuple[list[Chunk], Any]:
    return [chunk for chunk, _ in batch], decoder.encode([spectrogram for _, spectrogram in batch])


def _decode_parts(
    model: SpeechModel, decoder: Decoder, samples: Samples, found: Sequence[Part], encoded: Any
) -> Iterator[_Spoken]:
    """Decodes the parts of a batch, those of one language together. Pieces of a chunk are encoded anew."""
    if len({part.language for part in found}) == 1:
        yield from _decode(decoder, found, encoded)
        return
    whole = rows(encoded)
    for _, group in groupby(found, key=lambda part: part.language):
        members = list(group)
        outputs = [
            whole[part.row]
            if part.row is not None
            else rows(decoder.encode([features(model.whisper, samples, part.chunk)]))[0]
            for part in members
        ]
        yield from _decode(decoder, members, view(np.stack(outputs)))


def _decode(decoder: Decoder, members: Sequence[Part], encoded: Any) -> Iterator[_Spoken]:
    segments = decoder.decode(encoded, [part.chunk for part in members], members[0].language)
    return zip(members, segments, strict=True)


def _shares(found: Iterable[Part]) -> tuple[LanguageShare, ...]:
    """The languages with their shares of the speech, the largest first."""
    seconds: dict[str, float] = {}
    for part in found:
        seconds[part.language] = seconds.get(part.language, 0.0) + part.chunk.seconds
    total = sum(seconds.values())
    shares = [LanguageShare(language, round(length / total, 3)) for language, length in seconds.items()]
    return tuple(sorted(shares, key=lambda share: -share.share))


def _probability(found: Sequence[Part]) -> float | None:
    """The mean by seconds."""
    known = [(part.probability, part.chunk.seconds) for part in found if part.probability is not None]
    seconds = sum(length for _, length in known)
    return round(sum(probability * length for probability, length in known) / seconds, 3) if known else None
