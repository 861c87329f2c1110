"""From numbers to places in a frame and back: steps across, a quantity up, plain or by powers of ten."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF

LEFT_MARGIN, TOP_MARGIN, RIGHT_MARGIN, BOTTOM_MARGIN = 40, 8, 10, 20
"""Pixels between the surface's edges and the frame; fixed, so that nothing shifts when numbers grow longer."""

_RIBBON_SHARE, _RIBBON_LEAST, _RIBBON_MOST, _RIBBON_GAP = 0.2, 32.0, 60.0, 6.0


@dataclass(frozen=True)
class Axes:
    """x runs from 0 to `last` (T), y from `low` to `high`, in logical pixels of the surface.

    ribbon: how wide a second frame stands at the right, sharing y; 0 for none.
    """

    left: float
    top: float
    width: float
    height: float
    last: float
    low: float
    high: float
    logarithmic: bool = False
    ribbon: float = 0.0

    @property
    def frame(self) -> QRectF:
        return QRectF(self.left, self.top, self.width, self.height)

    @property
    def ribbon_frame(self) -> QRectF:
        """The second frame; empty when there is none."""
        return QRectF(self.left + self.width + _RIBBON_GAP, self.top, self.ribbon, self.height)

    def x(self, t: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Where step t lies."""
        return self.left + t / self.last * self.width

    def y(self, value: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Where a value lies; beyond the frame on its edge, NaN stays NaN."""
        inside = np.clip(value, self.low, self.high)
        share = (self._up(inside) - self._up(self.low)) / (self._up(self.high) - self._up(self.low))
        return self.top + (1.0 - share) * self.height

    def t_at(self, x: float) -> float:
        """The step at x, from 0 to T."""
        return min(max((x - self.left) / self.width, 0.0), 1.0) * self.last

    def value_at(self, y: float) -> float:
        """The value at y, within the frame."""
        share = min(max(1.0 - (y - self.top) / self.height, 0.0), 1.0)
        if share in (0.0, 1.0):
            return self.high if share else self.low
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def _up(self, value: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        return np.log10(value) if self.logarithmic else value


def axes_in(
    size: tuple[float, float], last: float, low: float, high: float, *, logarithmic: bool = False, ribbon: bool = False
) -> Axes:
    """The axes of a surface of `size` (width, height)."""
    width, height = size[0] - LEFT_MARGIN - RIGHT_MARGIN, size[1] - TOP_MARGIN - BOTTOM_MARGIN
    side = 0.0
    if ribbon:
        side = math.floor(min(max(_RIBBON_SHARE * width, _RIBBON_LEAST), _RIBBON_MOST))
        width -= side + _RIBBON_GAP
    width, height = max(width, 1.0), max(height, 1.0)
    return Axes(LEFT_MARGIN, TOP_MARGIN, width, height, max(last, 1.0), low, high, logarithmic, side)


def crisp(x1: float, y1: float, x2: float, y2: float) -> QLineF:
    """A line through the middle of pixels: a hairline stays one."""
    return QLineF(*(math.floor(place) + 0.5 for place in (x1, y1, x2, y2)))
