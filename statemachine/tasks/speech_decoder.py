"""Whisper's encoder and decoder for batches of chunks, as in faster-whisper's batched pipeline."""

from collections.abc import Iterator, Sequence
from functools import cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediajobs.transcripts.transcript import Segment, Word
from statemachine.tasks.speech_chunks import SAMPLE_RATE, Chunk, Features
from statemachine.tasks.speech_model import SpeechModel

_BEAM_SIZE = 5
# faster-whisper's punctuation that is part of the word after it, and of the word before it.
_PREPENDED = "\"'“¿([{-"
_APPENDED = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001
# Whisper's own rule for "no speech", which the batched pipeline leaves out.
_NO_SPEECH_PROBABILITY = 0.6
_NO_SPEECH_LOG_PROBABILITY = -1.0


class Decoder:
    """Decodes chunks in order."""

    def __init__(self, model: SpeechModel, task: str) -> None:
        self._whisper = model.whisper
        self._at_once = model.device == "cuda"
        self._tokenizer = cache(self._new_tokenizer)
        self._task = task
        self._last_speech = 0.0  # seconds in the joined speech

    def encode(self, spectrograms: Sequence[Features]) -> Any:
        """The encoder's output of some chunks. A CPU takes one at a time: faster, and less memory."""
        if self._at_once:
            return self._whisper.encode(np.stack(spectrograms))
        return view(np.concatenate([np.asarray(self._whisper.encode(spectrogram)) for spectrogram in spectrograms]))

    def decode(self, encoded: Any, chunks: Sequence[Chunk], language: str) -> Iterator[Segment | None]:
        """A segment for each chunk; None where there is no speech after all."""
        tokenizer = self._tokenizer(language)
        results = self._generate(encoded, tokenizer, len(chunks))
        drafts = [_draft(tokenizer, chunk, result) for chunk, result in zip(chunks, results, strict=True)]
        frames = [ceil(chunk.seconds) * self._whisper.frames_per_second for chunk in chunks]
        self._last_speech = self._whisper.add_word_timestamps(
            [[draft] for draft in drafts], tokenizer, encoded, frames, _PREPENDED, _APPENDED, self._last_speech
        )
        for chunk, draft, result in zip(chunks, drafts, results, strict=True):
            yield _segment(chunk, draft, language) if _is_speech(draft["text"], result) else None

    def _generate(self, encoded: Any, tokenizer: Any, count: int) -> list[Any]:
        from faster_whisper.transcribe import get_suppressed_tokens

        suppress: Any = get_suppressed_tokens  # its types say a tuple, and it takes a list
        prompt = self._whisper.get_prompt(tokenizer, [], without_timestamps=True)
        results: list[Any] = self._whisper.model.generate(
            encoded,
            [prompt] * count,
            beam_size=_BEAM_SIZE,
            max_length=self._whisper.max_length,
            suppress_tokens=suppress(tokenizer, [-1]),
            return_scores=True,
            return_no_speech_prob=True,
            sampling_temperature=0,
        )
        return results

    def _new_tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(
            self._whisper.hf_tokenizer, self._whisper.model.is_multilingual, task=self._task, language=language
        )


def rows(encoded: Any) -> NDArray[Any]:
    """The encoder's output as an array of the host."""
    import ctranslate2  # type: ignore[import-untyped]

    return np.asarray(encoded.to_device(ctranslate2.Device.cpu))


def view(array: NDArray[Any]) -> Any:
    """An array as CTranslate2 takes it, without a copy."""
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def _draft(tokenizer: Any, chunk: Chunk, result: Any) -> dict[str, Any]:
    """What faster-whisper adds the words to, with times in the joined speech."""
    tokens = result.sequences_ids[0]
    return {
        "text": tokenizer.decode(tokens),
        "tokens": tokens,
        "start": chunk.offset,
        "end": chunk.offset + chunk.seconds,
        "seek": int(chunk.offset * 100),
    }


def _is_speech(text: str, result: Any) -> bool:
    tokens = len(result.sequences_ids[0])
    log_probability = result.scores[0] * tokens / (tokens + 1)
    unsure = result.no_speech_prob > _NO_SPEECH_PROBABILITY and log_probability < _NO_SPEECH_LOG_PROBABILITY
    return bool(text.strip()) and not unsure


def _segment(chunk: Chunk, draft: dict[str, Any], language: str) -> Segment:
    words = tuple(_word(chunk, word) for word in draft["words"])
    start = words[0].start if words else chunk.spans[0].start / SAMPLE_RATE
    end = words[-1].end if words else chunk.spans[-1].end / SAMPLE_RATE
    return Segment(draft["text"], start, end, words, language)


def _word(chunk: Chunk, word: dict[str, Any]) -> Word:
    """With its times in the source. Both ends are in the span of its middle, so that no pause is part of a word."""
    shift = chunk.shift((word["start"] + word["end"]) / 2)
    start, end = (round(float(word[key]) + shift, 2) for key in ("start", "end"))
    return Word(word["word"], start, end, float(word["probability"]))
