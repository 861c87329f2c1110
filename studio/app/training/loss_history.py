"""Every loss of a run, kept in memory, and the few points of it that a screen can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Axis = Literal["minutes", "images"]

SMOOTHING_SHARE = 0.08
SHORTEST_SMOOTHING = 10
"""The running average spans this share of all steps so far, but never fewer than so many: its lag stays the same small
part of the curve that is shown, and early losses, which fall fast, are not smeared over."""


class LossHistory:
    """The loss of every training step with its time and the pictures seen by then.

    Memory is bounded: when `capacity` steps are held, each four neighbours give way to the two of them that mark
    their lowest and highest loss, so that the envelope of the curve stays what it was.
    """

    def __init__(self, capacity: int = 1 << 20) -> None:
        if capacity < 8 or capacity % 4:
            raise ValueError("capacity must be a multiple of four, at least 8")
        self._capacity = capacity
        self._seconds = np.zeros(1024, dtype=np.float64)
        self._images = np.zeros(1024, dtype=np.float64)
        self._raw = np.zeros(1024, dtype=np.float32)
        self._smoothed = np.zeros(1024, dtype=np.float32)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._count = 0
        self._finite_count = 0
        self._average = math.nan
        self._latest = math.nan
        self._last_seconds = 0.0
        self._last_images = 0
        self.not_finite_count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def latest(self) -> float:
        """The last finite raw loss, or NaN before there is one."""
        return self._latest

    @property
    def latest_smoothed(self) -> float:
        """The running average now, or NaN before the first finite loss."""
        return self._average

    @property
    def seconds(self) -> float:
        """Training time of the last step held."""
        return self._last_seconds

    @property
    def images_seen(self) -> int:
        """Pictures seen by the last step held."""
        return self._last_images

    def start_at(self, seconds: float, images_seen: int) -> None:
        """Say where a resumed run begins, so that its first losses are not spread from zero on."""
        self._last_seconds = seconds
        self._last_images = images_seen

    def cut(self, images_seen: int) -> None:
        """Forget every step after `images_seen` pictures: the run went back to there."""
        kept = int(np.searchsorted(self._images[: self._count], images_seen, side="right"))
        if kept == self._count:
            return
        # Where neighbours gave way, more steps were averaged than are held.
        share = kept / self._count
        self._count = kept
        self._finite_count = round(share * self._finite_count)
        finite = self._raw[:kept][np.isfinite(self._raw[:kept])]
        self._latest = float(finite[-1]) if len(finite) else math.nan
        self._average = float(self._smoothed[kept - 1]) if kept else math.nan
        self._last_seconds = float(self._seconds[kept - 1]) if kept else 0.0
        self._last_images = int(self._images[kept - 1]) if kept else 0

    def append(self, losses: Sequence[float], seconds: float, images_seen: int) -> None:
        """Take the losses of all steps since the last call, the last of which ended at `seconds`, `images_seen`.

        Steps between two calls are placed evenly. A loss that is not finite is counted and shown as a gap.
        """
        new = len(losses)
        if new == 0:
            return
        self._make_room(new)
        part = np.arange(1, new + 1) / new
        at = slice(self._count, self._count + new)
        self._seconds[at] = self._last_seconds + part * (seconds - self._last_seconds)
        self._images[at] = self._last_images + part * (images_seen - self._last_images)
        for position, loss in enumerate(losses, start=self._count):
            if math.isfinite(loss):
                self._latest = loss
                self._finite_count += 1
                span = min(self._finite_count, max(SHORTEST_SMOOTHING, SMOOTHING_SHARE * self._finite_count))
                weight = 1.0 / span
                self._average = loss if self._finite_count == 1 else self._average + weight * (loss - self._average)
            else:
                self.not_finite_count += 1
                loss = math.nan
            self._raw[position] = loss
            self._smoothed[position] = self._average
        self._count += new
        self._last_seconds = seconds
        self._last_images = images_seen

    def raw(self, axis: Axis, maximum_points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """At most `maximum_points` points (x, loss) that keep each stretch's lowest and highest loss."""
        return decimate(self._x(axis), self._raw[: self._count], maximum_points)

    def smoothed(self, axis: Axis, maximum_points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """At most `maximum_points` points (x, running average)."""
        return decimate(self._x(axis), self._smoothed[: self._count], maximum_points)

    def seconds_at(self, images_seen: int) -> float | None:
        """The training time after so many pictures, between the steps held; None outside of them."""
        if not self._count or not 0 <= images_seen <= self._images[self._count - 1]:
            return None
        images, seconds = self._images[: self._count], self._seconds[: self._count]
        return float(np.interp(images_seen, np.append(0.0, images), np.append(0.0, seconds)))

    def held(self) -> tuple[list[float], list[float], list[float], list[float]]:
        """Seconds, pictures seen, loss and running average of every step held, oldest first."""
        arrays = (self._seconds, self._images, self._raw, self._smoothed)
        seconds, images, raw, smoothed = (array[: self._count].tolist() for array in arrays)
        return seconds, images, raw, smoothed

    def smoothed_at(self, images_seen: int) -> float:
        """The running average after so many pictures; NaN where there is none."""
        at = int(np.searchsorted(self._images[: self._count], images_seen, side="right")) - 1
        return float(self._smoothed[at]) if at >= 0 else math.nan

    def _x(self, axis: Axis) -> NDArray[np.float64]:
        return self._seconds[: self._count] / 60.0 if axis == "minutes" else self._images[: self._count]

    def _make_room(self, new: int) -> None:
        while self._count + new > self._capacity and self._count >= 8:
            self._halve()
        needed = self._count + new
        if needed > len(self._raw):
            size = max(needed, 2 * len(self._raw))
            for name in ("_seconds", "_images", "_raw", "_smoothed"):
                old = getattr(self, name)
                grown = np.zeros(size, dtype=old.dtype)
                grown[: self._count] = old[: self._count]
                setattr(self, name, grown)

    def _halve(self) -> None:
        whole = self._count - self._count % 4
        keep = np.concatenate([extremes(self._raw[:whole], whole // 4), np.arange(whole, self._count)])
        for array in (self._seconds, self._images, self._raw, self._smoothed):
            array[: len(keep)] = array[keep]
        self._count = len(keep)


def decimate(
    x: NDArray[np.floating], y: NDArray[np.floating], maximum_points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The finite points of a curve, thinned to the lowest and highest of equal stretches when there are too many.

    x, y: float (N,). Returns float64 arrays of one length, at most max(2, `maximum_points`).
    """
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all():
        x, y = x[finite], y[finite]
    if len(y) > max(2, maximum_points):
        keep = extremes(y, max(1, maximum_points // 2))
        x, y = x[keep], y[keep]
    return x.astype(np.float64), y.astype(np.float64)


def extremes(y: NDArray[np.floating], buckets: int) -> NDArray[np.intp]:
    """Positions, in order, of the lowest and highest value of each of `buckets` equal stretches of y (N,).

    N must be at least `buckets`. A stretch without a finite value is represented by its first point.
    """
    count = len(y)
    edges = (np.arange(buckets) * count) // buckets
    width = -(-count // buckets)
    # All stretches as rows of one table; those one shorter repeat their last point.
    ends = np.append(edges[1:], count)
    table = np.minimum(edges[:, None] + np.arange(width), ends[:, None] - 1)
    values = y[table]
    low = table[np.arange(buckets), np.argmin(np.where(np.isfinite(values), values, np.inf), axis=1)]
    high = table[np.arange(buckets), np.argmax(np.where(np.isfinite(values), values, -np.inf), axis=1)]
    return np.unique(np.concatenate([low, high]))
