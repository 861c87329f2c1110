"""Which part of a plane a canvas shows: the map between coordinates of the plane and places on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize

_CLOSEST, _FARTHEST = 40.0, 0.2


@dataclass(frozen=True)
class PlaneView:
    """`center`, in coordinates of the plane, lies in the middle of the canvas; one unit of both axes is `scale` pixels.

    width, height: of the canvas, device-independent pixels. `home_scale` is the scale one comes back to, and what the
    range of the zoom is measured by.
    """

    width: float
    height: float
    scale: float
    center: tuple[float, float] = (0.0, 0.0)
    home_scale: float = 1.0

    @classmethod
    def home(cls, size: QSize, reach: float, center: tuple[float, float] = (0.0, 0.0)) -> PlaneView:
        """The whole: `reach` units above and below `center`, as much more at the sides as there is room."""
        width, height = max(size.width(), 1), max(size.height(), 1)
        scale = min(width, height) / (2.0 * reach)
        return cls(width, height, scale, center, scale)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) of what is shown, in coordinates of the plane."""
        across, up = self.width / self.scale / 2, self.height / self.scale / 2
        x, y = self.center
        return x - across, x + across, y - up, y + up

    def screen(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places on the screen of points (N, 2) of the plane, (N, 2)."""
        middle = np.array((self.width / 2, self.height / 2))
        return (np.asarray(points, float) - self.center) * (self.scale, -self.scale) + middle

    def place(self, point: Sequence[float]) -> QPointF:
        """Where one point of the plane lies on the screen."""
        x, y = self.screen(np.asarray(point, float)[np.newaxis])[0]
        return QPointF(float(x), float(y))

    def point(self, place: QPointF) -> tuple[float, float]:
        """The point of the plane at a place on the screen."""
        return (
            self.center[0] + (place.x() - self.width / 2) / self.scale,
            self.center[1] - (place.y() - self.height / 2) / self.scale,
        )

    def rect(self, extent: Sequence[float]) -> QRectF:
        """Where a rectangle (left, right, bottom, top) of the plane lies on the screen."""
        left, right, bottom, top = extent
        return QRectF(self.place((left, top)), self.place((right, bottom)))

    def zoomed(self, factor: float, about: QPointF) -> PlaneView:
        """Nearer by `factor`; what lies at the place `about` stays there."""
        scale = min(max(self.scale * factor, self.home_scale * _FARTHEST), self.home_scale * _CLOSEST)
        x, y = self.point(about)
        center = (
            x - (about.x() - self.width / 2) / scale,
            y + (about.y() - self.height / 2) / scale,
        )
        return replace(self, scale=scale, center=center)

    def panned(self, by: QPointF) -> PlaneView:
        """What is shown moved by a way on the screen."""
        x, y = self.center
        return replace(self, center=(x - by.x() / self.scale, y + by.y() / self.scale))

    def resized(self, size: QSize) -> PlaneView:
        """On a canvas of another size: the same middle, and as much of the plane along the shorter side."""
        width, height = max(size.width(), 1), max(size.height(), 1)
        factor = min(width, height) / max(min(self.width, self.height), 1.0)
        return replace(self, width=width, height=height, scale=self.scale * factor, home_scale=self.home_scale * factor)


def lines(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> list[QLineF]:
    """Lines between places on the screen, (N, 2) each: drawn with one call, thousands take some milliseconds."""
    return [QLineF(*row) for row in np.concatenate((starts, ends), axis=1).tolist()]
