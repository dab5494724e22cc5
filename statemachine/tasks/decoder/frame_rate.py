"""The frame rate of a video's motion, from the times of its pictures."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

DEFAULT_RATE = Fraction(25)
_LARGEST_RATE = 60
_SLOTS_PER_PICTURE = 100  # of the constant grid, beside one a second: else two pictures an hour apart make 216,000
_STANDARD_RATES = tuple(  # and what is left of them where every second picture is dropped, or three of four
    Fraction(rate) / part
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
    for part in (1, 2, 4)
)
_RUN = 4  # intervals whose mean counts, so that single times that are late or early hardly do
_RARE_RUNS, _RARE_SHARE = 8, 0.01  # as many faster runs are taken for mistakes,
_FEW_RUNS_SHARE = 0.25  # but at most this share where there are few
_TOLERANCE = 0.01  # of an exact rate
_STATED_TOLERANCE = 0.002  # of a container's rate, which may be an average
_LOOSE_TOLERANCE = 0.06  # of a rate that was found among uneven intervals
_EVEN_SHARE = 0.95  # of the intervals, where the rate is constant


def motion_rate(times: NDArray[np.float64], nominal: Fraction | None) -> tuple[Fraction, bool]:
    """The rate at which to show the pictures, at most 60 Hz, and whether their intervals differ.

    It is the container's `nominal` rate where the pictures keep it. Else it is that of the shortest interval that
    lasts: a screen that stands still for minutes and then scrolls is shown as it scrolls. A few pictures over a long
    time are shown at a lower rate.
    """
    intervals = np.diff(np.unique(times))
    intervals = intervals[intervals > 0.0005]
    if not len(intervals):
        return _limited(nominal or DEFAULT_RATE, _LARGEST_RATE), False
    largest = min(_LARGEST_RATE, 1 + _SLOTS_PER_PICTURE * len(times) / float(intervals.sum()))
    rate, is_variable = _rate_of(intervals, nominal)
    return _limited(rate, largest), is_variable


def _rate_of(intervals: NDArray[np.float64], nominal: Fraction | None) -> tuple[Fraction, bool]:
    shortest = _shortest_lasting(intervals)
    if _share(intervals, shortest) < _EVEN_SHARE:
        return _standard(1 / shortest, _LOOSE_TOLERANCE), True
    rate = 1 / float(intervals[_is_near(intervals, shortest)].mean())  # of times in whole milliseconds
    is_stated = nominal is not None and abs(nominal / Fraction(rate) - 1) <= _STATED_TOLERANCE
    return nominal if nominal and is_stated else _standard(rate, _TOLERANCE), False


def _share(intervals: NDArray[np.float64], interval: float) -> float:
    return float(np.mean(_is_near(intervals, interval)))


def _is_near(intervals: NDArray[np.float64], interval: float) -> NDArray[np.bool_]:
    """Which intervals are this one, but for times in whole milliseconds."""
    return np.asarray(np.abs(intervals - interval) <= 0.0015 + interval * _TOLERANCE)


def _shortest_lasting(intervals: NDArray[np.float64]) -> float:
    run = min(_RUN, max(1, len(intervals) // _RUN))
    means = np.sort(np.convolve(intervals, np.full(run, 1 / run), mode="valid"))
    rare = max(min(_RARE_RUNS, int(len(means) * _FEW_RUNS_SHARE)), int(len(means) * _RARE_SHARE))
    return float(means[rare])


def _standard(rate: float, tolerance: float) -> Fraction:
    """The nearest usual rate, or else a whole one."""
    nearest = min(_STANDARD_RATES, key=lambda standard: abs(rate - standard))
    if abs(rate - nearest) <= tolerance * nearest:
        return nearest
    return Fraction(max(1, round(rate))) if rate > 1 else Fraction(rate).limit_denominator(1001)


def _limited(rate: Fraction, largest: float) -> Fraction:
    """A rate from 1 Hz to the `largest`: of a faster one every second picture, or every third."""
    kept = rate / max(1, math.ceil(rate / Fraction(largest)))
    return max(Fraction(1), kept.limit_denominator(1001))
