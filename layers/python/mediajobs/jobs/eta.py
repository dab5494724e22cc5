"""When a job will be done, from what finished jobs took.

A rate is [mean, deviation, count]: seconds of computing per second of media, by stage. Stages: `validate`, `media`,
`transcribe#<model>`. Media and transcription run side by side, so the longer of the two decides.
"""

import math
from collections.abc import Iterable

from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.tasks import STAGES, WEIGHTS

_FORGETTING = 0.2  # a new measurement's share in the mean
Rate = list[float]


def learn(rate: Rate | None, seconds: float, duration: float) -> Rate:
    """The rate with one more finished job in it (an exponentially weighted mean and deviation)."""
    sample = seconds / duration
    if rate is None:
        return [sample, sample / 2, 1]
    mean, deviation, count = rate
    share = max(_FORGETTING, 1 / (count + 1))
    difference = sample - mean
    variance = (1 - share) * (deviation**2 + share * difference**2)
    return [mean + share * difference, math.sqrt(variance), count + 1]


def estimate(
    duration: float | None, tasks: dict[str, TaskProgress], rates: dict[str, Rate], model: str
) -> tuple[int, int, int] | None:
    """(seconds left, low, high), or None where nothing is known of a stage that is still to do."""
    if duration is None:
        return None
    left = {"media": _left(STAGES["media"], tasks), f"transcribe#{model}": _left(STAGES["transcribe"], tasks)}
    ahead = {stage: share for stage, share in left.items() if share > 0}
    if not all(stage in rates for stage in ahead):
        return None
    middle, low, high = 0.0, 0.0, 0.0
    for stage, share in ahead.items():
        mean, deviation, _ = rates[stage]
        work = duration * share
        middle = max(middle, work * mean)
        low = max(low, work * max(mean - 2 * deviation, mean / 4))
        high = max(high, work * (mean + 2 * deviation))
    return math.ceil(middle), math.floor(low), math.ceil(high)


def _left(names: Iterable[str], tasks: dict[str, TaskProgress]) -> float:
    """Which share of a stage is still to do, 0 to 1."""
    counted = [name for name in names if name in tasks and tasks[name].status != "skipped"]
    weight = sum(WEIGHTS[name] for name in counted)
    return sum(WEIGHTS[name] * (100 - tasks[name].progress) for name in counted) / (100 * weight) if weight else 0.0
