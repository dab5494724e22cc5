"""Wide and bright colours as BT.709."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.tasks.decoder.colour_table import HLG, PQ, Colours, to_bt709, write_table

SDR = 14  # the transfer of BT.2020 in 10 bits, by H.273
TRANSFERS = [PQ, HLG, SDR]
# What BT.2087 makes of BT.709 colours in BT.2020: linear light.
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def converted(colours: list[list[float]], transfer: int) -> Colours:
    return to_bt709(np.array(colours), transfer)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_black_stays_black(transfer: int) -> None:
    assert converted([[0, 0, 0]], transfer) == pytest.approx(np.zeros((1, 3)), abs=0.01)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_grays_stay_gray_and_in_order(transfer: int) -> None:
    grays = converted([[value] * 3 for value in np.linspace(0, 1, 33)], transfer)
    assert np.ptp(grays, axis=1).max() < 0.01
    assert (np.diff(grays[:, 0]) > -1e-9).all()


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_brightest_light_is_white(transfer: int) -> None:
    assert converted([[1, 1, 1]], transfer).min() > 0.97


@pytest.mark.parametrize("colour", [[0.5, 0.5, 0.5], [0.75, 0.1, 0.1], [0.0, 0.75, 0.0], [0.2, 0.3, 0.9]])
def test_colours_that_bt709_has_come_back(colour: list[float]) -> None:
    wide = (BT709_TO_BT2020 @ np.array(colour) ** 2.4) ** (1 / 2.4)
    assert to_bt709(wide[None, :], SDR)[0] == pytest.approx(np.array(colour), abs=0.02)


def test_hdr_white_of_a_film_is_bright_and_not_clipped() -> None:
    """203 nits, the reference white of BT.2408, are code 0.58 in PQ and 0.75 in HLG."""
    for code, transfer in ((0.58, PQ), (0.75, HLG)):
        white = converted([[code] * 3], transfer)[0, 0]
        assert 0.6 < white < 0.95


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_red_stays_red(transfer: int) -> None:
    red, green, blue = converted([[0.6, 0.35, 0.35]], transfer)[0]
    assert red > max(green, blue) + 0.2


@given(
    colour=st.lists(st.floats(min_value=0, max_value=1), min_size=3, max_size=3), transfer=st.sampled_from(TRANSFERS)
)
def test_every_code_gives_a_code(colour: list[float], transfer: int) -> None:
    found = converted([colour], transfer)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


def test_the_file_is_a_cube_with_red_running_fastest(tmp_path: Path) -> None:
    write_table(tmp_path / "table.cube", SDR)
    head, *lines = (tmp_path / "table.cube").read_text().splitlines()
    assert (head, len(lines)) == ("LUT_3D_SIZE 33", 33**3)
    first, second = ([float(value) for value in line.split()] for line in lines[:2])
    assert first == [0, 0, 0]
    assert second[0] > second[1]
