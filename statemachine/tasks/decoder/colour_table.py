"""A lookup table that brings HDR and BT.2020 colours to BT.709, for ffmpeg's filter `lut3d`.

The formulas: SMPTE ST 2084 (PQ), ARIB STD-B67 (HLG), ITU-R BT.2020 and BT.2087 (primaries), Hable's curve.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.float64]

PQ, HLG = 16, 18  # transfer characteristics by ITU-T H.273
BT2020 = 9  # colour primaries by ITU-T H.273
_SIZE = 33  # steps of each colour
_WHITE_NITS = 100.0
_HLG_PEAK_NITS = 1000.0
_PEAK = 10.0  # the brightest light that is told apart, over white
_BT2020_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_HLG_LUMA = np.array([0.2627, 0.6780, 0.0593])


def write_table(path: Path, transfer: int) -> None:
    """Writes the table as a .cube file, with red running fastest."""
    steps = np.linspace(0.0, 1.0, _SIZE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = to_bt709(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    lines = [f"LUT_3D_SIZE {_SIZE}", *(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in colours)]
    path.write_text("\n".join(lines) + "\n")


def to_bt709(colours: Colours, transfer: int) -> Colours:
    """BT.709 codes of BT.2020 codes, each from 0 to 1, with `transfer` as in H.273."""
    if transfer == PQ:
        light = _mapped(_from_pq(colours) / _WHITE_NITS)
    elif transfer == HLG:
        light = _mapped(_from_hlg(colours) / _WHITE_NITS)
    else:
        light = _from_bt1886(colours)
    return np.clip(_to_bt1886(np.clip(light @ _BT2020_TO_BT709.T, 0.0, 1.0)), 0.0, 1.0)


def _from_pq(codes: Colours) -> Colours:
    """Light in nits."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = codes ** (1 / m2)
    light: Any = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return np.asarray(10_000 * light)


def _from_hlg(codes: Colours) -> Colours:
    """Light in nits on a display of 1,000 nits, whose system gamma is 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)
    luma = (scene @ _HLG_LUMA)[:, None]
    return np.asarray(_HLG_PEAK_NITS * np.maximum(luma, 1e-9) ** 0.2 * scene)


def _mapped(light: Colours) -> Colours:
    """Light over white to light of at most 1: the brightest of the three colours follows the curve."""
    brightest = np.maximum(light.max(axis=1, keepdims=True), 1e-9)
    return np.asarray(light * (_hable(np.minimum(brightest, _PEAK)) / _hable(np.array(_PEAK)) / brightest))


def _hable(light: Colours) -> Colours:
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return np.asarray((light * (light * a + b * c) + d * e) / (light * (light * a + b) + d * f) - e / f)


def _from_bt1886(codes: Colours) -> Colours:
    return np.asarray(codes**2.4)


def _to_bt1886(light: Colours) -> Colours:
    return np.asarray(light ** (1 / 2.4))
