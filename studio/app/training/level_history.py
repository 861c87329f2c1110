"""The loss by noise level over a run, in a table that stays small however long the run is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from studio.app.training.loss_history import Axis

CAPACITY = 128
"""When a table has so many columns, each two neighbours become one."""

FEWEST_PICTURES = 8
"""A column is not closed before it has so many pictures a band on average: fewer would show chance, not loss."""


class LevelHistory:
    """Columns are stretches of the run, rows bands of noise levels, band 0 with the least noise.

    Each cell is the mean over all pictures of its stretch and band; merging weighs by pictures, so that nothing is
    dropped.
    """

    def __init__(self, capacity: int = CAPACITY, fewest_pictures: int = FEWEST_PICTURES) -> None:
        if capacity < 4 or capacity % 2:
            raise ValueError("capacity must be even, at least 4")
        self._capacity = capacity
        self._fewest_pictures = fewest_pictures
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._sums: list[NDArray[np.float64]] = []
        self._counts: list[NDArray[np.float64]] = []
        self._ends: list[tuple[float, int]] = []
        self._start = (0.0, 0)
        self._stretch = 1
        self._open_reports = 0

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def bands(self) -> int:
        """How many bands there are; 0 before the first report."""
        return len(self._sums[0]) if self._sums else 0

    def start_at(self, seconds: float, images_seen: int) -> None:
        """Say where the first column begins, for a run whose past is not known."""
        if not self._ends:
            self._start = (seconds, images_seen)

    def append(self, losses: Sequence[float | None], counts: Sequence[float], seconds: float, images_seen: int) -> None:
        """Take the mean loss of each band since the last call, which ended at `seconds` and `images_seen`, and of how
        many pictures each is the mean. A loss that is None or not finite counts for nothing."""
        if not len(losses) or (self.bands and len(losses) != self.bands):
            return
        values = np.array([math.nan if loss is None else loss for loss in losses], dtype=np.float64)
        weights = np.where(np.isfinite(values), np.asarray(counts, dtype=np.float64), 0.0)
        sums = np.where(weights > 0, values, 0.0) * weights
        if self._sums and self._is_open():
            self._sums[-1] += sums
            self._counts[-1] += weights
            self._ends[-1] = (seconds, images_seen)
            self._open_reports += 1
        else:
            if len(self._ends) >= self._capacity:
                self._halve()
            self._sums.append(sums)
            self._counts.append(weights)
            self._ends.append((seconds, images_seen))
            self._open_reports = 1

    def cut(self, images_seen: int) -> None:
        """Forget every column that reaches beyond `images_seen` pictures: the run went back to there."""
        kept = sum(images <= images_seen for _, images in self._ends)
        if kept < len(self._ends):
            del self._sums[kept:], self._counts[kept:], self._ends[kept:]
            self._open_reports = self._stretch

    def edges(self, axis: Axis) -> NDArray[np.float64]:
        """Where columns begin and end, float64 (columns + 1,), in minutes of training or in pictures."""
        places = [self._start, *self._ends]
        return np.array([seconds / 60.0 if axis == "minutes" else images for seconds, images in places], np.float64)

    def table(self) -> NDArray[np.float64]:
        """The mean losses, float64 (bands, columns), NaN where a band had no picture."""
        if not self._sums:
            return np.zeros((0, 0))
        sums, counts = np.stack(self._sums, axis=1), np.stack(self._counts, axis=1)
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)

    def _is_open(self) -> bool:
        return self._open_reports < self._stretch or self._counts[-1].sum() < self._fewest_pictures * len(
            self._counts[-1]
        )

    def _halve(self) -> None:
        def pairs(columns: list) -> list:
            return [a + b for a, b in zip(columns[::2], columns[1::2], strict=True)]

        self._sums, self._counts = pairs(self._sums), pairs(self._counts)
        self._ends = self._ends[1::2]
        self._stretch *= 2
