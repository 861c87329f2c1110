"""Cividis: a ramp of colours that everybody reads alike, from dark blue for little to yellow for much.

Nuñez, Anderton and Renslow, "Optimizing colormaps with consideration for color vision deficiency" (2018). Its lightness
rises evenly, so that it is the same ramp in deuteranopia, protanopia, and in grey.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_ANCHORS = ("00204D", "00336F", "39486B", "575C6D", "707173", "8A8779", "A69D75", "C4B56C", "E4CF5B", "FFEA46")


@lru_cache(maxsize=4)
def heat_table(count: int = 256) -> NDArray[np.uint8]:
    """The ramp as uint8 (count, 3), least first."""
    anchors = np.array([[int(anchor[i : i + 2], 16) for i in (0, 2, 4)] for anchor in _ANCHORS], dtype=np.float64)
    place = np.linspace(0, len(anchors) - 1, count)
    table = np.stack([np.interp(place, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
    table = table.round().astype(np.uint8)
    table.setflags(write=False)
    return table


def heat_colors(shares: NDArray[np.floating], empty: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Colours uint8 (..., 3) of shares in [0, 1]; beyond that clamped, NaN in the colour `empty`."""
    table = heat_table()
    known = np.isfinite(shares)
    levels = np.clip(np.where(known, shares, 0.0) * (len(table) - 1) + 0.5, 0, len(table) - 1).astype(np.intp)
    colors = table[levels]
    colors[~known] = empty
    return colors
