"""Samples in step with their timestamps."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.tasks.decoder.sample_clock import SampleClock, Samples

RATE = 1000


def chunk(length: int, value: float = 1.0) -> Samples:
    return np.full((2, length), value, np.float32)


def output(chunks: Sequence[tuple[Samples, float]], duration: float) -> Samples:
    clock = SampleClock(RATE, 2, duration)
    parts = [part for samples, time in chunks for part in clock.add(samples, time)]
    return np.concatenate([np.zeros((2, 0), np.float32), *parts, *clock.finish()], axis=1)


def test_chunks_in_a_row_pass() -> None:
    heard = output([(chunk(500), 0.0), (chunk(500, 2.0), 0.5)], 1.0)
    assert heard[0].tolist() == [1.0] * 500 + [2.0] * 500


def test_silence_fills_the_beginning_a_gap_and_the_end() -> None:
    heard = output([(chunk(100), 2.5), (chunk(100), 4.0)], 5.0)
    assert np.flatnonzero(heard[0]).tolist() == [*range(2500, 2600), *range(4000, 4100)]
    assert heard.shape == (2, 5000)


def test_what_comes_twice_is_heard_once() -> None:
    heard = output([(chunk(1000), 0.0), (chunk(1000, 2.0), 0.5)], 2.0)
    assert heard[0].tolist() == [1.0] * 1000 + [2.0] * 500 + [0.0] * 500


def test_what_lies_before_the_beginning_is_left_out() -> None:
    assert output([(chunk(1000), -0.75)], 1.0)[0].tolist() == [1.0] * 250 + [0.0] * 750


def test_a_chunk_that_is_long_past_is_left_out() -> None:
    heard = output([(chunk(1000), 0.0), (chunk(100, 2.0), 0.1), (chunk(100, 3.0), 1.0)], 1.1)
    assert heard[0].tolist() == [1.0] * 1000 + [3.0] * 100


def test_single_timestamps_that_are_a_little_off_change_nothing() -> None:
    times = [number * 0.02 + (0.015 if number % 5 == 0 else 0.0) for number in range(1, 100)]
    heard = output([(chunk(20), 0.0), *((chunk(20), time) for time in times)], 2.0)
    assert heard[0].tolist() == [1.0] * 2000


def test_a_clock_that_runs_slow_is_followed() -> None:
    """Every chunk lasts 1 % longer than it says, as where a sound card and the computer disagree."""
    chunks = [(chunk(100), number * 0.101) for number in range(1000)]
    heard = output(chunks, 101.0)
    late = 90.9  # the start of chunk 900
    assert np.count_nonzero(heard[0, : round(late * RATE)]) == pytest.approx(90_000, abs=60)


def test_samples_after_the_end_are_left_out() -> None:
    clock = SampleClock(RATE, 2, 0.5)
    assert sum(part.shape[1] for part in clock.add(chunk(1000), 0.0)) == 500
    assert clock.is_full


@given(
    chunks=st.lists(
        st.tuples(st.integers(min_value=0, max_value=3000), st.floats(min_value=-5, max_value=30)), max_size=50
    ),
    duration=st.floats(min_value=0.001, max_value=20),
)
def test_there_are_exactly_as_many_samples_as_the_source_is_long(
    chunks: list[tuple[int, float]], duration: float
) -> None:
    heard = output([(chunk(length), time) for length, time in chunks], duration)
    assert heard.shape == (2, round(duration * RATE))
