"""Speech recognition by faster-whisper, window by window, so that memory hardly grows with the length.

An hour takes 115 MB as 16-bit samples. Everything else is the same for every length: on a CPU the model `base` peaks at
0.9 GB with its batch and window.
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
_CUT_RANGE_SECONDS = 30  # a window ends at the quietest moment of its last 30 s
_FRAME_SAMPLES = SAMPLE_RATE // 4  # samples; as long as a short pause
# Chunks of up to 30 s that are decoded together. On a CPU 8 are no faster than 4, take 0.4 GB more, and report
# progress half as often.
_BATCH_SIZE = {"cpu": 4, "cuda": 16}
# Whisper's own rule for "no speech", which the batched pipeline leaves out.
_NO_SPEECH_PROBABILITY = 0.6
_NO_SPEECH_LOG_PROBABILITY = -1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeechModel:
    """A model that is loaded and ready to run."""

    name: str
    device: str
    compute_type: str
    pipeline: Any  # faster_whisper.BatchedInferencePipeline, which has no types


def load(folder: Path) -> SpeechModel:
    """Loads the model in a folder, on the GPU if one works. Raises JobError where the folder has no model."""
    if not _is_model(folder):
        raise _not_available(folder, "is not installed where jobs run")
    import ctranslate2  # type: ignore[import-untyped]

    if ctranslate2.get_cuda_device_count():
        try:
            return _check_cuda(_load_on(folder, "cuda", "float16"))
        except RuntimeError as error:  # CTranslate2's only error: a driver or CUDA library that is missing or too old
            logger.warning("the GPU cannot be used, the CPU is: %s", error)
    try:
        return _load_on(folder, "cpu", "int8")
    except RuntimeError as error:
        raise _not_available(folder, f"cannot be loaded ({str(error).replace(str(folder), folder.name)})") from error


def check_language(model: SpeechModel, language: str | None) -> None:
    """Raises JobError where the model does not know the language. None leaves the choice to the model."""
    languages = model.pipeline.model.supported_languages
    if language is not None and language not in languages:
        raise JobError(
            "language_not_supported",
            f"The speech model {model.name!r} does not know the language {language!r}. "
            f"It knows: {', '.join(sorted(languages))}. Leave the language out to have it found.",
        )


def transcribe(
    model: SpeechModel,
    samples: Samples,
    *,
    language: str | None = None,
    task: str = "transcribe",
    on_progress: Callable[[float], None] = lambda _fraction: None,
) -> Transcript:
    """Transcribes mono samples of 16 kHz. `on_progress` gets the fraction that is done, from 0 to 1.

    The language is detected in the first window with speech, and used for the rest. Its probability is None where
    nothing was detected: the language was given, the model knows only one, or there is no speech.
    """
    detected, probability, segments = language, None, []
    for start, end in windows(samples):
        recognised, info = _transcribe_window(model, samples[start:end], detected, task)
        offset = start / SAMPLE_RATE
        for segment in recognised:
            segments.append(_segment(segment, offset))
            on_progress(min(segments[-1].end * SAMPLE_RATE, end) / len(samples))
        if detected is None and segments:
            detected = info.language
            probability = round(float(info.language_probability), 3) if info.all_language_probs else None
        on_progress(end / len(samples))
    return Transcript(tuple(segments), detected, probability, len(samples) / SAMPLE_RATE, model.name, task)


def windows(samples: Samples) -> Iterator[tuple[int, int]]:
    """Start and end of each window, in samples: without gaps, cut where it is quiet."""
    start = 0
    while len(samples) - start > (WINDOW_SECONDS + _CUT_RANGE_SECONDS) * SAMPLE_RATE:
        end = _quietest(samples, start + WINDOW_SECONDS * SAMPLE_RATE)
        yield start, end
        start = end
    if start < len(samples):
        yield start, len(samples)


def _quietest(samples: Samples, latest: int) -> int:
    earliest = latest - _CUT_RANGE_SECONDS * SAMPLE_RATE
    frames = samples[earliest:latest].reshape(-1, _FRAME_SAMPLES)
    loudness = np.abs(frames, dtype=np.float32).sum(axis=1)
    return earliest + int(loudness.argmin()) * _FRAME_SAMPLES + _FRAME_SAMPLES // 2


def _transcribe_window(
    model: SpeechModel, window: Samples, language: str | None, task: str
) -> tuple[Iterator[Any], Any]:
    recognised, info = model.pipeline.transcribe(
        np.multiply(window, np.float32(1 / 32768), dtype=np.float32),
        language=language,
        task=task,
        batch_size=_BATCH_SIZE[model.device],
        word_timestamps=True,
        vad_filter=True,
        language_detection_segments=4,  # looks at more than the first 30 s where these leave it in doubt
    )
    return (segment for segment in recognised if _is_speech(segment)), info


def _is_speech(segment: Any) -> bool:
    unsure = segment.no_speech_prob > _NO_SPEECH_PROBABILITY and segment.avg_logprob < _NO_SPEECH_LOG_PROBABILITY
    return bool(segment.text.strip()) and not unsure


def _segment(segment: Any, offset: float) -> Segment:
    words = tuple(
        Word(word.word, offset + float(word.start), offset + float(word.end), float(word.probability))
        for word in segment.words
    )
    return Segment(segment.text, offset + float(segment.start), offset + float(segment.end), words)


def _is_model(folder: Path) -> bool:
    return all((folder / file).is_file() for file in ("model.bin", "config.json", "tokenizer.json"))


def _not_available(folder: Path, reason: str) -> JobError:
    """Names the installed models and no path: the user knows nothing of this machine."""
    others = sorted(path.name for path in folder.parent.glob("[!.]*") if path != folder and _is_model(path))
    cure = (
        f"Ask for {' or '.join(others)}" if others else "No other is there: get one with `mediajobs models pull base`"
    )
    return JobError(
        "model_not_available",
        f"The speech model {folder.name!r} {reason}. {cure}; `mediajobs models list` shows what can be pulled.",
    )


def _load_on(folder: Path, device: str, compute_type: str) -> SpeechModel:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    whisper = WhisperModel(
        str(folder), device=device, compute_type=compute_type, cpu_threads=_cpu_count(), local_files_only=True
    )
    pipeline: Any = BatchedInferencePipeline
    return SpeechModel(folder.name, device, compute_type, pipeline(whisper))


def _check_cuda(loaded: SpeechModel) -> SpeechModel:
    """Computes something, because CUDA's libraries are loaded by the first computation. Raises RuntimeError."""
    whisper = loaded.pipeline.model
    whisper.encode(np.zeros((whisper.model.n_mels, 3000), dtype=np.float32))  # 30 s of silence
    return loaded


def _cpu_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
