"""Mixes any channel layout down to stereo or mono."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # one row for each channel

_HALF = 0.7071
# Name of a channel -> its shares of left and right.
_SHARES = {
    **dict.fromkeys(("FL", "DL"), (1.0, 0.0)),
    **dict.fromkeys(("FR", "DR"), (0.0, 1.0)),
    **dict.fromkeys(("FC", "BC", "TC", "TFC", "TBC"), (_HALF, _HALF)),
    **dict.fromkeys(("BL", "SL", "FLC", "WL", "SDL", "TFL", "TBL", "TSL", "BFL", "SSL", "TTL"), (_HALF, 0.0)),
    **dict.fromkeys(("BR", "SR", "FRC", "WR", "SDR", "TFR", "TBR", "TSR", "BFR", "SSR", "TTR"), (0.0, _HALF)),
    **dict.fromkeys(("LFE", "LFE2"), (0.0, 0.0)),
}
_UNKNOWN = (_HALF, _HALF)
_BLOCK_SECONDS = 0.5
_CANCELLED = 0.1  # of the energy, below which a sum of both sides has lost what they hold


def stereo_matrix(names: Sequence[str]) -> NDArray[np.float32]:
    """Two rows of shares, each at most 1 in sum, so that nothing is clipped. What has no name goes to both sides."""
    if len(names) == 1:
        return np.ones((2, 1), np.float32)
    if len(names) == 2 and names[0] not in _SHARES:
        return np.eye(2, dtype=np.float32)
    shares = np.array([_SHARES.get(name, _UNKNOWN) for name in names], np.float32).T
    return np.asarray(shares / max(1.0, float(shares.sum(axis=1).max())), np.float32)


def to_mono(stereo: Samples, rate: int) -> Samples:
    """The mean of both sides, or half their difference wherever they cancel each other out."""
    middle, side = (stereo[0] + stereo[1]) / 2, (stereo[0] - stereo[1]) / 2
    block = int(rate * _BLOCK_SECONDS)
    for start in range(0, middle.shape[0], block):
        part = slice(start, start + block)
        in_phase, opposed = np.square(middle[part]).sum(), np.square(side[part]).sum()
        if in_phase < _CANCELLED * opposed:
            middle[part] = side[part]
    return np.asarray(middle[np.newaxis, :], np.float32)
