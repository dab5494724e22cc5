"""Any layout as stereo or mono."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.tasks.decoder.downmix import Samples, stereo_matrix, to_mono

RATE = 1000
FIVE_ONE = ["FL", "FR", "FC", "LFE", "BL", "BR"]
NAMES = [*FIVE_ONE, "SL", "SR", "BC", "FLC", "FRC", "TC", "TFL", "LFE2", "NONE", "AMBI0"]


def tone(phase: float = 0.0, seconds: float = 1.0) -> Samples:
    return np.sin(2 * np.pi * 100 * np.arange(round(seconds * RATE)) / RATE + phase).astype(np.float32)


def energy(samples: Samples) -> float:
    return float(np.square(samples).mean())


def test_mono_is_heard_on_both_sides() -> None:
    assert stereo_matrix(["FC"]).tolist() == [[1], [1]]


@pytest.mark.parametrize("names", [["FL", "FR"], ["NONE", "NONE"], ["UNK", "UNK"]])
def test_stereo_stays(names: list[str]) -> None:
    assert stereo_matrix(names).tolist() == [[1, 0], [0, 1]]


def test_surround_keeps_its_sides_and_its_middle() -> None:
    left, right = stereo_matrix(FIVE_ONE)
    assert left[0] > left[2] == left[4] > 0
    assert left[1] == left[3] == left[5] == 0
    assert right[2] == left[2]


def test_a_middle_alone_beside_one_side_is_heard() -> None:
    assert (stereo_matrix(["FL", "FC"])[:, 1] > 0).all()


@pytest.mark.parametrize("count", [3, 9, 10, 14, 24])
def test_channels_without_names_are_heard_on_both_sides(count: int) -> None:
    matrix = stereo_matrix(["NONE"] * count)
    assert matrix.shape == (2, count)
    assert (matrix > 0).all()


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=32))
def test_nothing_is_clipped(names: list[str]) -> None:
    matrix = stereo_matrix(names)
    assert matrix.shape == (2, len(names))
    assert matrix.min() >= 0
    assert matrix.sum(axis=1).max() <= 1.0001


def test_mono_is_the_mean() -> None:
    assert to_mono(np.array([[0.5, 1.0], [0.25, 0.0]], np.float32), RATE).tolist() == [[0.375, 0.5]]


def test_opposite_phases_do_not_cancel() -> None:
    mono = to_mono(np.stack([tone(), -tone()]), RATE)
    assert energy(mono) == pytest.approx(energy(tone()), rel=0.01)


def test_each_half_second_is_looked_at_by_itself() -> None:
    left = np.concatenate([tone(), tone()])
    mono = to_mono(np.stack([left, np.concatenate([tone(), -tone()])]), RATE)
    assert energy(mono[:, :RATE]) == pytest.approx(0.5, rel=0.01)
    assert energy(mono[:, RATE:]) == pytest.approx(0.5, rel=0.01)


def test_silence_stays_silence() -> None:
    assert not to_mono(np.zeros((2, 700), np.float32), RATE).any()


@given(st.floats(min_value=0, max_value=2 * np.pi))
def test_no_phase_makes_a_voice_vanish(phase: float) -> None:
    assert energy(to_mono(np.stack([tone(), tone(phase)]), RATE)) > 0.04
