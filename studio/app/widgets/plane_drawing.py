"""What lies on the plane, as numbers: everything the canvas draws, and nothing of how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NO_POINTS = np.zeros((0, 2))


@dataclass(frozen=True, eq=False)
class Cloud:
    """A density.

    values: (rows, columns) in 0..1, the first row at the top, 1 where it is largest. extent: (left, right, bottom, top)
    in coordinates of the plane.
    """

    values: NDArray[np.floating]
    extent: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Arrows:
    """points: (G, 2), where they begin. vectors: (G, 2), as they are drawn, in units of the plane.

    by_size: coloured by their length, against `longest`; otherwise all are of one quiet colour.
    """

    points: FloatArray
    vectors: FloatArray
    by_size: bool = False
    longest: float = 1.0


@dataclass(frozen=True, eq=False)
class Paths:
    """N ways walked together. points: (K, N, 2). times: the t of each of the K moments, falling. t: where they are now.

    role: of their colour. One with a `dashed` rest is still to be walked from `t` on.
    """

    points: FloatArray
    times: Sequence[float]
    t: float
    role: str = "d1"

    def split(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What is walked (A, N, 2), where they are (N, 2), and what is to come (B, N, 2); both parts touch there."""
        times = -np.asarray(self.times, float)
        position = float(np.interp(-self.t, times, np.arange(len(times))))
        before = min(int(position), max(len(times) - 2, 0))
        after = min(before + 1, len(times) - 1)
        share = position - before
        here = (1.0 - share) * self.points[before] + share * self.points[after]
        walked = np.concatenate((self.points[: before + 1], here[np.newaxis]))
        return walked, here, np.concatenate((here[np.newaxis], self.points[after:]))


@dataclass(frozen=True)
class ProbeArrows:
    """A point z and what is said of it there, all as (x, y) in units of the plane.

    eps: the predicted noise. subtracted: −c ε̂, which one step takes off. x0: the picture that follows.
    """

    z: tuple[float, float]
    eps: tuple[float, float]
    subtracted: tuple[float, float]
    x0: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A picture at a point of the plane: floats (H, W, C), −1 black to 1 white."""

    point: tuple[float, float]
    values: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class PlaneDrawing:
    """Everything; what is None or empty is not drawn.

    square: the possible pictures lie in [−1, 1]², and the axes are two pixels. axis_names: of the horizontal and of the
    vertical one. marks: grid lines at these places of both axes.
    """

    axis_names: tuple[str, str] = ("pixel 1", "pixel 2")
    square: bool = True
    marks: tuple[float, ...] = (-1.0, 0.0, 1.0)
    cloud: Cloud | None = None
    points: FloatArray = field(default_factory=lambda: _NO_POINTS)
    arrows: Arrows | None = None
    samples: FloatArray = field(default_factory=lambda: _NO_POINTS)
    paths: tuple[Paths, ...] = ()
    probe: ProbeArrows | None = None
    thumbnails: tuple[Thumbnail, ...] = ()
    note: str = ""

    def has_ground_of(self, other: PlaneDrawing) -> bool:
        """Whether the two differ in nothing but the probe and the note."""
        if (self.axis_names, self.square, self.marks) != (other.axis_names, other.square, other.marks):
            return False
        if len(self.paths) != len(other.paths) or len(self.thumbnails) != len(other.thumbnails):
            return False
        return all(one is another for one, another in zip(self._ground(), other._ground(), strict=True))

    def _ground(self) -> tuple[object, ...]:
        return self.cloud, self.points, self.arrows, self.samples, *self.paths, *self.thumbnails


def two_pixel_corners() -> tuple[Thumbnail, ...]:
    """The four pictures of two pixels that are black or white."""
    return tuple(Thumbnail((x, y), np.array([[[x], [y]]])) for y in (1.0, -1.0) for x in (-1.0, 1.0))
