"""The rate of a video's motion."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.tasks.decoder.frame_rate import DEFAULT_RATE, motion_rate

NTSC = Fraction(30_000, 1001)


def steady(rate: Fraction | float, seconds: float, start: float = 0.0) -> list[float]:
    return [start + number / float(rate) for number in range(round(seconds * float(rate)))]


def rate_of(times: list[float], nominal: Fraction | None = None) -> tuple[Fraction, bool]:
    return motion_rate(np.array(times), nominal)


@pytest.mark.parametrize(
    "rate", [Fraction(24_000, 1001), Fraction(25), NTSC, Fraction(50), Fraction(15, 2), Fraction(1)]
)
def test_a_constant_rate_is_kept(rate: str) -> None:
    assert rate_of(steady(Fraction(rate), 20), Fraction(rate)) == (Fraction(rate), False)


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(60)])
def test_a_constant_rate_shows_in_whole_milliseconds_though_nothing_states_it(rate: Fraction) -> None:
    assert rate_of([round(time, 3) for time in steady(rate, 20)]) == (rate, False)


def test_a_screen_that_stands_still_is_shown_as_it_moves() -> None:
    assert rate_of(steady(0.5, 600) + steady(30, 4, start=600), Fraction(1)) == (Fraction(30), True)


@pytest.mark.parametrize("rate", [Fraction(5), Fraction(15, 2), Fraction(12), Fraction(25)])
def test_a_short_recording_with_one_still_has_the_rate_of_its_motion(rate: Fraction) -> None:
    times = [time for time in steady(rate, 4) if not 1.3 < time < 2.8]
    assert rate_of(times, Fraction(2))[0] == rate


def test_nine_pictures_with_a_still_have_the_rate_of_their_motion() -> None:
    assert rate_of([0, 0.2, 0.4, 0.6, 0.8, 1.6, 1.8, 2.0, 2.2], Fraction(375, 100)) == (Fraction(5), True)


def test_an_average_that_the_container_states_is_not_the_rate() -> None:
    """As in a fragmented MP4 whose picture begins late."""
    times = steady(Fraction(24_000, 1001), 3)
    assert rate_of(times, Fraction(24.1485).limit_denominator(1001)) == (Fraction(24_000, 1001), False)


def test_dropped_pictures_leave_the_rate() -> None:
    times = [time for number, time in enumerate(steady(30, 20)) if number % 7]
    assert rate_of(times, Fraction(26)) == (Fraction(30), True)


def test_a_few_faster_pictures_are_mistakes() -> None:
    times = [*steady(25, 20), 5.001, 5.002, 5.003]
    rate, _ = rate_of(times, None)
    assert rate == 25


@pytest.mark.parametrize(
    ("fast", "rate"), [(120, Fraction(60)), (240, Fraction(60)), (100, Fraction(50)), (90, Fraction(45))]
)
def test_of_fast_pictures_every_second_or_third_is_kept(fast: int, rate: Fraction) -> None:
    assert rate_of(steady(fast, 4), Fraction(fast)) == (rate, False)


def test_slow_pictures_are_shown_once_a_second() -> None:
    assert rate_of(steady(0.1, 100), Fraction(1, 10)) == (Fraction(1), False)


def test_without_times_there_is_what_the_container_states() -> None:
    assert rate_of([], Fraction(24)) == (Fraction(24), False)
    assert rate_of([3.0], None) == (DEFAULT_RATE, False)


@given(
    times=st.lists(st.floats(min_value=0, max_value=1000), max_size=200),
    nominal=st.none() | st.fractions(min_value=Fraction(1, 1000), max_value=100_000),
)
def test_any_times_have_a_rate_that_can_be_shown(times: list[float], nominal: Fraction | None) -> None:
    rate, _ = rate_of(times, nominal)
    assert 1 <= rate <= 60
    assert rate.denominator <= 1001
