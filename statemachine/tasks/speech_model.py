"""Loads Whisper models with faster-whisper, on the GPU if one works."""

import ctypes
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mediajobs.errors import JobError

# glibc's mallopt: never mmap, keep what is freed, one arena. See `_keep_freed_memory`.
_MALLOPT = {-4: 0, -1: 2**31 - 1, -8: 1}  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_ARENA_MAX

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeechModel:
    """A model that is loaded and ready to run."""

    name: str
    device: str
    compute_type: str
    whisper: Any  # faster_whisper.WhisperModel, which has no types


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
    _keep_freed_memory()
    try:
        return _load_on(folder, "cpu", "int8")
    except RuntimeError as error:
        raise _not_available(folder, f"cannot be loaded ({str(error).replace(str(folder), folder.name)})") from error


def check_language(model: SpeechModel, language: str | None) -> None:
    """Raises JobError where the model does not know the language. None leaves the choice to the model."""
    languages = model.whisper.supported_languages
    if language is not None and language not in languages:
        raise JobError(
            "language_not_supported",
            f"The speech model {model.name!r} does not know the language {language!r}. "
            f"It knows: {', '.join(sorted(languages))}. Leave the language out to have it found.",
        )


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
    from faster_whisper import WhisperModel

    whisper = WhisperModel(
        str(folder), device=device, compute_type=compute_type, cpu_threads=_cpu_count(), local_files_only=True
    )
    return SpeechModel(folder.name, device, compute_type, whisper)


def _check_cuda(loaded: SpeechModel) -> SpeechModel:
    """Computes something, because CUDA's libraries are loaded by the first computation. Raises RuntimeError."""
    whisper = loaded.whisper
    whisper.encode(np.zeros((whisper.model.n_mels, 3000), dtype=np.float32))  # 30 s of silence
    return loaded


def _keep_freed_memory() -> None:
    """Makes glibc reuse freed memory: for 30 s of speech the encoder allocates and frees 72 MB six times.

    glibc would map them anew each time, and the kernel fill 105,000 pages with zeros: a quarter of the encoder's CPU.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        for parameter, value in _MALLOPT.items():
            mallopt(parameter, value)


def _cpu_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
