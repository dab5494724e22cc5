"""The progress of a batch and when it will be done, from its counts and from its running jobs."""

import math
from collections.abc import Mapping, Sequence

from mediajobs.jobs.lifecycle import Status

Estimate = tuple[int, int, int]  # seconds left, low, high
_WAITING = (Status.PENDING, Status.QUEUED)


def overall_progress(counts: Mapping[Status, int], running: Sequence[int]) -> int:
    """The mean over all jobs in percent, rounded down. `running`: the progress of each running job in percent.

    A failed or cancelled job counts as 0, so the mean is 100 only when all jobs are completed.
    """
    total = sum(counts.values())
    if not total:
        return 0
    if counts[Status.COMPLETED] == total:
        return 100
    return min(99, (100 * counts[Status.COMPLETED] + sum(running)) // total)


def estimate(
    counts: Mapping[Status, int], running: Sequence[Estimate | None], mean: float | None, slots: int
) -> Estimate | None:
    """When no job of the batch will wait or run any more, on the assumption that all uploads came now.

    `running`: the estimate of each running job, None where it is unknown; `mean`: seconds that a job takes; `slots`:
    how many jobs may run at the same time. None where there is no estimate for a job that is still to do.
    """
    waiting = sum(counts[status] for status in _WAITING)
    if mean is None and (waiting or None in running):
        return None
    seconds = mean or 0.0
    estimates: list[tuple[float, float, float]] = [
        (seconds, 0, 2 * seconds) if estimate is None else estimate for estimate in running
    ]
    expected, low, high = zip(*estimates, (0, 0, 0), strict=True)
    # The work is shared among the slots, and the batch never ends before the longest of its running jobs.
    return (
        math.ceil(max(*expected, (sum(expected) + waiting * seconds) / slots)),
        math.floor(max(*low, (sum(low) + waiting * seconds / 2) / slots)),
        math.ceil(max(high) + (sum(high) + 2 * waiting * seconds) / slots),
    )
