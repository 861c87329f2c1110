"""What a checkpoint remembers of the losses: a curve that never grows beyond a fixed size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAXIMUM_POINTS = 512


@dataclass
class LossHistory:
    """The mean loss of equal stretches of a run. When there are too many, neighbours are merged: nothing is dropped.

    points: [images_seen at the end of the stretch, mean loss] of each finished stretch, oldest first.
    stretch: steps in each.
    """

    points: list[list[float]] = field(default_factory=list)
    stretch: int = 1
    _sum: float = 0.0
    _count: int = 0

    def add(self, images_seen: int, loss: float) -> None:
        """Append the loss of one step, after which `images_seen` pictures had been shown."""
        self._sum += loss
        self._count += 1
        if self._count < self.stretch:
            return
        self.points.append([images_seen, self._sum / self._count])
        self._sum, self._count = 0.0, 0
        if len(self.points) == MAXIMUM_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [[later[0], (earlier[1] + later[1]) / 2] for earlier, later in pairs]
            self.stretch *= 2

    @property
    def latest(self) -> float | None:
        """The mean loss of the last finished stretch, or None before there is one."""
        return self.points[-1][1] if self.points else None

    def copy(self) -> LossHistory:
        """A history of its own that stands where this one does."""
        return LossHistory.from_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` goes on exactly where this history stood."""
        return {"points": self.points, "stretch": self.stretch, "sum": self._sum, "count": self._count}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LossHistory:
        """The history that `to_json` wrote. Raises KeyError, TypeError or ValueError when it is none."""
        points = [[int(images_seen), float(loss)] for images_seen, loss in values["points"]]
        return cls(points, int(values["stretch"]), float(values["sum"]), int(values["count"]))
