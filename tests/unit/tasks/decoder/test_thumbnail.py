"""How much a picture shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from statemachine.tasks.decoder.thumbnail import detail

Luma = NDArray[np.uint8]
HEIGHT, WIDTH = 180, 320
SEED = 7


def flat(value: int) -> Luma:
    return np.full((HEIGHT, WIDTH), value, np.uint8)


def snow() -> Luma:
    return np.random.default_rng(SEED).integers(16, 236, (HEIGHT, WIDTH)).astype(np.uint8)


def bars() -> Luma:
    return np.tile(np.repeat(np.linspace(16, 235, 8), WIDTH // 8).astype(np.uint8), (HEIGHT, 1))


def scene() -> Luma:
    """Smooth patches of light, and some grain."""
    generator = np.random.default_rng(SEED)
    coarse = generator.integers(16, 200, (9, 16))
    smooth = np.kron(coarse, np.ones((20, 20)))
    return np.asarray(smooth + generator.normal(0, 3, (HEIGHT, WIDTH)), np.int64).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("picture", [flat(16), flat(235), flat(126), snow(), bars()])
def test_a_scene_shows_more_than_what_is_flat_noise_or_bars(picture: Luma) -> None:
    assert detail(scene()) > 1.5 * detail(picture)


@pytest.mark.parametrize("value", [0, 16, 235])
def test_a_flat_picture_shows_nothing(value: int) -> None:
    assert detail(flat(value)) == pytest.approx(0, abs=1e-6)


def test_a_title_on_black_shows_more_than_black() -> None:
    title = flat(16)
    title[80:100, 100:220] = scene()[80:100, 100:220]
    assert detail(scene()) > detail(title) > detail(flat(16))


def test_a_bright_scene_shows_as_much_as_a_dark_one() -> None:
    assert detail(scene() + np.uint8(30)) == pytest.approx(detail(scene()), rel=0.2)


@given(height=st.integers(min_value=2, max_value=400), width=st.integers(min_value=2, max_value=400))
def test_any_size_can_be_looked_at(height: int, width: int) -> None:
    picture = np.random.default_rng(SEED).integers(0, 256, (height, width)).astype(np.uint8)
    assert np.isfinite(detail(picture))
    assert detail(picture) >= 0
