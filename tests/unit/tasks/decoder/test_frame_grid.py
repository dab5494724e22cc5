"""A constant grid of pictures."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.tasks.decoder.frame_grid import FrameGrid

RATES = [Fraction(1), Fraction(25), Fraction(30_000, 1001), Fraction(60)]


def grid_of(times: list[float], rate: Fraction, duration: float) -> list[int]:
    """The number of the picture that is shown in each slot."""
    grid = FrameGrid[int](rate, duration)
    shown = [picture for number, time in enumerate(times) for picture in grid.add(number, time)]
    return [*shown, *grid.finish()]


def test_even_pictures_fill_a_slot_each() -> None:
    assert grid_of([0, 0.04, 0.08], Fraction(25), 0.12) == [0, 1, 2]


def test_a_picture_is_shown_until_the_next_one() -> None:
    assert grid_of([0, 0.12], Fraction(25), 0.2) == [0, 0, 0, 1, 1]


def test_the_first_picture_is_shown_from_the_beginning() -> None:
    assert grid_of([0.08], Fraction(25), 0.12) == [0, 0, 0]


def test_of_pictures_in_one_slot_the_last_is_shown() -> None:
    assert grid_of([0, 0.001, 0.002, 0.04], Fraction(25), 0.08) == [2, 3]


def test_the_last_picture_is_shown_though_it_comes_late() -> None:
    assert grid_of([0, 9], Fraction(25), 0.12) == [0, 0, 1]


@pytest.mark.parametrize("rate", RATES)
def test_times_in_whole_milliseconds_neither_repeat_nor_drop(rate: Fraction) -> None:
    times = [round(number / float(rate), 3) for number in range(200)]
    assert grid_of(times, rate, 200 / float(rate)) == list(range(200))


@given(
    times=st.lists(st.floats(min_value=-2, max_value=20), min_size=1, max_size=60),
    rate=st.sampled_from(RATES),
    duration=st.floats(min_value=0.01, max_value=10),
)
def test_there_are_exactly_as_many_pictures_as_slots(times: list[float], rate: Fraction, duration: float) -> None:
    shown = grid_of(sorted(times), rate, duration)
    assert len(shown) == max(1, round(duration * rate))
    assert shown == sorted(shown)


@given(times=st.lists(st.floats(min_value=-2, max_value=20), min_size=1, max_size=60))
def test_times_that_go_back_change_nothing_of_that(times: list[float]) -> None:
    assert len(grid_of(times, Fraction(25), 4)) == 100
