"""Speech to words: our settings of faster-whisper, window by window, so that memory hardly grows with the length.

An hour costs 115 MB as 16-bit samples. The rest is the same for every length: on a CPU, base with its batch and window
peaks at 0.9 GB.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediajobs.errors import JobError
from mediajobs.transcripts.transcript import Segment, Transcript, Word

Samples = NDArray[np.int16]

SAMPLE_RATE = 16_000  # Hz, mono
WINDOW_SECONDS = 900
_CUT_SECONDS = 30  # a window ends at the quietest moment of its last so many seconds
_FRAME = SAMPLE_RATE // 4  # samples; as long as a short pause
# Chunks of up to 30 s that are decoded together. On a CPU 8 are no faster than 4, take 0.4 GB more, and tell of
# progress half as often.
_BATCH = {"cpu": 4, "cuda": 16}
# Whisper's own rule for "nobody spoke", which the batched pipeline leaves out.
_NO_SPEECH_PROBABILITY = 0.6
_NO_SPEECH_LOG_PROBABILITY = -1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Engine:
    """A model that is ready to run."""

    model: str
    device: str
    compute_type: str
    pipeline: Any  # faster_whisper.BatchedInferencePipeline, which has no types


def load(home: Path) -> Engine:
    """The model in a folder, on the GPU if there is one that works. Raises JobError where the folder has no model."""
    if not _is_model(home):
        raise _not_available(home, "is not installed where jobs run")
    import ctranslate2  # type: ignore[import-untyped]

    if ctranslate2.get_cuda_device_count():
        try:
            return _warm(_engine(home, "cuda", "float16"))
        except RuntimeError as error:  # CTranslate2's only error: a driver or CUDA library that is missing or too old
            logger.warning("the GPU cannot be used, the CPU is: %s", error)
    try:
        return _engine(home, "cpu", "int8")
    except RuntimeError as error:
        raise _not_available(home, f"cannot be loaded ({str(error).replace(str(home), home.name)})") from error


def check_language(engine: Engine, language: str | None) -> None:
    """Raises JobError where the model does not know the language; None leaves it to the model."""
    spoken = engine.pipeline.model.supported_languages
    if language is not None and language not in spoken:
        raise JobError(
            "language_not_supported",
            f"The speech model {engine.model!r} does not know the language {language!r}. "
            f"It knows: {', '.join(sorted(spoken))}. Leave the language out to have it found.",
        )


def transcribe(
    engine: Engine,
    samples: Samples,
    *,
    language: str | None = None,
    task: str = "transcribe",
    on_progress: Callable[[float], None] = lambda _fraction: None,
) -> Transcript:
    """What is said in mono samples of 16 kHz. `on_progress` gets the fraction that is done, from 0 to 1.

    The language is found in the first window in which somebody speaks, and holds for the rest. Its probability is None
    where there was nothing to find: it was asked for, the model knows but one, or nobody speaks.
    """
    found, probability, segments = language, None, []
    for start, end in windows(samples):
        spoken, info = _run(engine, samples[start:end], found, task)
        offset = start / SAMPLE_RATE
        for segment in spoken:
            segments.append(_segment(segment, offset))
            on_progress(min(segments[-1].end * SAMPLE_RATE, end) / len(samples))
        if found is None and segments:
            found = info.language
            probability = round(float(info.language_probability), 3) if info.all_language_probs else None
        on_progress(end / len(samples))
    return Transcript(tuple(segments), found, probability, len(samples) / SAMPLE_RATE, engine.model, task)


def windows(samples: Samples) -> Iterator[tuple[int, int]]:
    """Where each window starts and ends: gapless, cut where it is quiet."""
    start = 0
    while len(samples) - start > (WINDOW_SECONDS + _CUT_SECONDS) * SAMPLE_RATE:
        end = _quietest(samples, start + WINDOW_SECONDS * SAMPLE_RATE)
        yield start, end
        start = end
    if start < len(samples):
        yield start, len(samples)


def _quietest(samples: Samples, latest: int) -> int:
    earliest = latest - _CUT_SECONDS * SAMPLE_RATE
    frames = samples[earliest:latest].reshape(-1, _FRAME)
    loudness = np.abs(frames, dtype=np.float32).sum(axis=1)
    return earliest + int(loudness.argmin()) * _FRAME + _FRAME // 2


def _run(engine: Engine, window: Samples, language: str | None, task: str) -> tuple[Iterator[Any], Any]:
    spoken, info = engine.pipeline.transcribe(
        np.multiply(window, np.float32(1 / 32768), dtype=np.float32),
        language=language,
        task=task,
        batch_size=_BATCH[engine.device],
        word_timestamps=True,
        vad_filter=True,
        language_detection_segments=4,  # asks on where the first 30 s leave it in doubt
    )
    return (segment for segment in spoken if _is_speech(segment)), info


def _is_speech(segment: Any) -> bool:
    unsure = segment.no_speech_prob > _NO_SPEECH_PROBABILITY and segment.avg_logprob < _NO_SPEECH_LOG_PROBABILITY
    return bool(segment.text.strip()) and not unsure


def _segment(segment: Any, offset: float) -> Segment:
    words = tuple(
        Word(word.word, offset + float(word.start), offset + float(word.end), float(word.probability))
        for word in segment.words
    )
    return Segment(segment.text, offset + float(segment.start), offset + float(segment.end), words)


def _is_model(home: Path) -> bool:
    return all((home / file).is_file() for file in ("model.bin", "config.json", "tokenizer.json"))


def _not_available(home: Path, reason: str) -> JobError:
    """Names the models that can be had, and no path: whose job it is has nothing to do with this machine."""
    others = sorted(each.name for each in home.parent.glob("[!.]*") if each != home and _is_model(each))
    cure = (
        f"Ask for {' or '.join(others)}" if others else "No other is there: get one with `mediajobs models pull base`"
    )
    return JobError(
        "model_not_available",
        f"The speech model {home.name!r} {reason}. {cure}; `mediajobs models list` shows what can be pulled.",
    )


def _engine(home: Path, device: str, compute_type: str) -> Engine:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(
        str(home), device=device, compute_type=compute_type, cpu_threads=_cores(), local_files_only=True
    )
    pipeline: Any = BatchedInferencePipeline
    return Engine(home.name, device, compute_type, pipeline(model))


def _warm(engine: Engine) -> Engine:
    """CUDA's libraries are loaded by the first computation: find out here whether they are there."""
    model = engine.pipeline.model
    model.encode(np.zeros((model.model.n_mels, 3000), dtype=np.float32))  # 30 s of nothing
    return engine


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
