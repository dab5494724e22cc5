"""Our transcription against faster-whisper's batched pipeline by hand: `python -m tests.load.bench_transcribe [N]`.

Both have the same loaded model, the same two minutes of speech and the same settings, in turn; by hand with the
pipeline's own batch of 8. CPU is user and system time of all threads; the least of the rounds counts, since others may
use the machine too. Target: ratio at most 1.05.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from infra import whisper_models
from statemachine.tasks import speech_recognition
from tests.support.media_samples import output

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "media" / "demo" / "speech.mp4"
REPEATS = 4  # of the demo's 29 s
ROUNDS = 5


class Cost(NamedTuple):
    cpu: float  # seconds
    wall: float


def main(rounds: int) -> None:
    engine = speech_recognition.load(whisper_models.pull("base", ROOT / whisper_models.MODELS_DIR))
    once = np.frombuffer(output("-i", DEMO, "-f", "s16le", "-ar", "16000", "-ac", "1", "-"), dtype="<i2")
    samples = np.tile(once, REPEATS)
    ours: list[Cost] = []
    theirs: list[Cost] = []
    _by_hand(engine, once)  # everything is loaded before the first round
    for number in range(1, rounds + 1):
        ours.append(_cost(lambda: speech_recognition.transcribe(engine, samples)))
        theirs.append(_cost(lambda: _by_hand(engine, samples)))
        print(f"round {number}: ours {_show(ours[-1])}, by hand {_show(theirs[-1])}")  # noqa: T201
    seconds = len(samples) / speech_recognition.SAMPLE_RATE
    best, reference = _least(ours), _least(theirs)
    print(f"{seconds:.0f} s of speech on {engine.device}, {engine.compute_type}")  # noqa: T201
    print(f"ours    {_show(best)}")  # noqa: T201
    print(f"by hand {_show(reference)}")  # noqa: T201
    print(f"ratio   cpu {best.cpu / reference.cpu:.3f}  wall {best.wall / reference.wall:.3f}")  # noqa: T201


def _by_hand(engine: speech_recognition.SpeechModel, samples: speech_recognition.Samples) -> list[Any]:
    """As the README of faster-whisper shows it."""
    from faster_whisper import BatchedInferencePipeline

    pipeline: Any = BatchedInferencePipeline
    segments, _ = pipeline(engine.pipeline.model).transcribe(
        samples.astype(np.float32) / 32768,
        batch_size=8,
        word_timestamps=True,
        vad_filter=True,
        language_detection_segments=4,
    )
    return list(segments)


def _cost(work: Callable[[], object]) -> Cost:
    cpu, wall = time.process_time(), time.monotonic()
    work()
    return Cost(time.process_time() - cpu, time.monotonic() - wall)


def _least(costs: list[Cost]) -> Cost:
    return Cost(min(cost.cpu for cost in costs), min(cost.wall for cost in costs))


def _show(cost: Cost) -> str:
    return f"cpu {cost.cpu:6.2f} s  wall {cost.wall:6.2f} s"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
