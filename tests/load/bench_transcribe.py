"""Our transcription against faster-whisper's batched pipeline by hand.

`python -m tests.load.bench_transcribe [ROUNDS] [--hours HOURS]`. Each way has a process and a model of its own, and the
same speech and settings, in turn; by hand with the pipeline's own batch of 8, on a GPU also with 16. CPU is user and
system time of all threads; the least of the rounds counts, since others may use the machine too. Targets: on a CPU at
most 0.95 of its CPU time, on a GPU at most half of its wall time, with the same words.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import jiwer
import numpy as np

from infra import whisper_models
from statemachine.tasks import speech_model, speech_recognition
from tests.support.media_samples import output

ROOT = Path(__file__).parents[2]
MODEL = ROOT / whisper_models.MODELS_DIR / "base"
DEMO = ROOT / "tests" / "media" / "demo" / "speech.mp4"
REPEATS = 4  # of the demo's 29 s
ROUNDS = 5
_BY_HAND = {"cpu": (8,), "cuda": (8, 16)}  # batches


class Cost(NamedTuple):
    cpu: float  # seconds
    wall: float
    peak: int  # MB, of the process so far
    text: str


def main(rounds: int, repeats: int) -> None:
    whisper_models.pull("base", MODEL.parent)
    device = speech_model.load(MODEL).device
    ways = {"ours": _ours} | {f"by hand, {size}": partial(_by_hand, size) for size in _BY_HAND[device]}
    pools = {name: ProcessPoolExecutor(1, get_context("spawn")) for name in ways}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            cost = pools[name].submit(_cost, way, repeats if number else 1).result()
            if number:  # the first time loads everything
                costs[name].append(cost)
                print(f"round {number}: {name:12} {_show(cost)}", flush=True)  # noqa: T201
    print(f"{repeats * len(_speech()) / speech_recognition.SAMPLE_RATE:.0f} s of speech on {device}")  # noqa: T201
    _compare(costs)


def _compare(costs: dict[str, list[Cost]]) -> None:
    ours, *_ = best = [_least(rounds) for rounds in costs.values()]
    for name, cost in zip(costs, best, strict=True):
        ratio = f"ours / it: cpu {ours.cpu / cost.cpu:.3f} wall {ours.wall / cost.wall:.3f}"
        words = f"{len(cost.text.split())} words, error rate {jiwer.wer(cost.text, ours.text):.4f}"
        print(f"{name:12} {_show(cost)}  {ratio}  {words}")  # noqa: T201


def _ours(samples: speech_recognition.Samples) -> str:
    return "".join(segment.text for segment in speech_recognition.transcribe(_our_model(), samples).segments)


def _by_hand(batch_size: int, samples: speech_recognition.Samples) -> str:
    """As the README of faster-whisper shows it."""
    segments, _ = _their_pipeline().transcribe(
        samples.astype(np.float32) / 32768,
        batch_size=batch_size,
        word_timestamps=True,
        vad_filter=True,
        language_detection_segments=4,
    )
    return "".join(segment.text for segment in segments)


@cache
def _our_model() -> speech_model.SpeechModel:
    return speech_model.load(MODEL)


@cache
def _their_pipeline() -> Any:
    import ctranslate2  # type: ignore[import-untyped]
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    device, compute_type = ("cuda", "float16") if ctranslate2.get_cuda_device_count() else ("cpu", "int8")
    pipeline: Any = BatchedInferencePipeline
    return pipeline(WhisperModel(str(MODEL), device=device, compute_type=compute_type))


@cache
def _speech() -> speech_recognition.Samples:
    return np.frombuffer(output("-i", DEMO, "-f", "s16le", "-ar", "16000", "-ac", "1", "-"), dtype="<i2")


def _cost(way: Any, repeats: int) -> Cost:
    samples = np.tile(_speech(), repeats)
    cpu, wall = time.process_time(), time.monotonic()
    text = way(samples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return Cost(time.process_time() - cpu, time.monotonic() - wall, peak, text)


def _least(costs: Sequence[Cost]) -> Cost:
    return Cost(
        min(cost.cpu for cost in costs),
        min(cost.wall for cost in costs),
        max(cost.peak for cost in costs),
        costs[0].text,
    )


def _show(cost: Cost) -> str:
    return f"cpu {cost.cpu:7.2f} s  wall {cost.wall:7.2f} s  peak {cost.peak} MB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", type=int, nargs="?", default=ROUNDS)
    parser.add_argument("--hours", type=float, help="of speech, by repeating the demo's")
    arguments = parser.parse_args()
    seconds = len(_speech()) / speech_recognition.SAMPLE_RATE
    main(arguments.rounds, round(arguments.hours * 3600 / seconds) if arguments.hours else REPEATS)
