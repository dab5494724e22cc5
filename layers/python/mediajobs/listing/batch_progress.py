"""How far a batch is and when it will be done, from its counts and from those of its jobs that run."""

import math
from collections.abc import Mapping, Sequence

from mediajobs.jobs.lifecycle import Status

Estimate = tuple[int, int, int]  # seconds left, low, high
_WAITING = (Status.PENDING, Status.QUEUED)


def overall_progress(counts: Mapping[Status, int], running: Sequence[int]) -> int:
    """The mean over all jobs in percent, rounded down. `running`: of each running job.

    A job that failed or was cancelled has brought nothing: so it is 100 only when all are completed.
    """
    total = sum(counts.values())
    if not total:
        return 0
    if counts[Status.COMPLETED] == total:
        return 100
    return min(99, (100 * counts[Status.COMPLETED] + sum(running)) // total)


def estimate(
    counts: Mapping[Status, int], running: Sequence[Estimate | None], mean: float | None, places: int
) -> Estimate | None:
    """When nothing of the batch will wait or run any more, if what waits for its upload had it now.

    `running`: of each running job, None where it is unknown; `mean`: seconds that a job takes; `places`: how many may
    run at the same time. None where nothing is known of a job that is still to do.
    """
    waiting = sum(counts[status] for status in _WAITING)
    if mean is None and (waiting or None in running):
        return None
    usual = mean or 0.0
    known = [(usual, 0, 2 * usual) if each is None else each for each in running]
    known.append((0, 0, 0))
    middle, low, high = (sum(each[place] for each in known) for place in range(3))
    longest, quickest, slowest = (max(each[place] for each in known) for place in range(3))
    # Shared out among the places, and never before the longest of those that run.
    return (
        math.ceil(max(longest, (middle + waiting * usual) / places)),
        math.floor(max(quickest, (low + waiting * usual / 2) / places)),
        math.ceil(slowest + (high + 2 * waiting * usual) / places),
    )
