"""The curves of one run, from the whole of its log: what a plot of several runs is drawn from. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.training.metrics_log import read_metrics
from studio.training.run_folder import METRICS_NAME

SMOOTHING_SHARE = 0.08
SHORTEST_SMOOTHING = 10
"""As in the Train workspace: the running average spans this share of all steps so far, at least so many."""

MOST_POINTS = 1200
"""More points than a plot has columns of pixels tell nothing."""


@dataclass(frozen=True, eq=False)
class RunCurve:
    """Values of one quantity, oldest first, each after so many seconds of training and pictures seen: float64 (N,)."""

    seconds: NDArray[np.float64] = field(repr=False)
    images_seen: NDArray[np.float64] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def last(self) -> float | None:
        """The newest value, None without any."""
        return float(self.values[-1]) if len(self.values) else None


@dataclass(frozen=True)
class RunMark:
    """Something changed in the run at this moment; kind is one of `studio.training.events.MarkKind`, or foreign."""

    kind: str
    seconds: float
    images_seen: int
    text: str
    detail: str


@dataclass(frozen=True, eq=False)
class RunCurves:
    """All curves of a run.

    loss: the running average of the mean squared error of the predicted noise. validation: the averaged weights on the
    fixed draw, raw_validation: the raw ones. distance, copied: quality. Each without points where it was not measured.
    """

    loss: RunCurve
    validation: RunCurve
    raw_validation: RunCurve
    distance: RunCurve
    copied: RunCurve
    learning_rate: RunCurve
    marks: tuple[RunMark, ...]


def read_curves(folder: Path | str, most_points: int = MOST_POINTS) -> RunCurves:
    """The curves of the run in `folder`; empty ones where it has no log. Lines that are torn or foreign are passed
    over."""
    try:
        return curves_of(read_metrics(Path(folder) / METRICS_NAME), most_points)
    except OSError:
        return curves_of((), most_points)


def curves_of(lines: Iterable[Mapping[str, Any]], most_points: int = MOST_POINTS) -> RunCurves:
    """The curves that the lines of a log make, each thinned evenly to at most `most_points` points."""
    points: dict[str, list[tuple[float, float, float]]] = {
        name: [] for name in ("loss", "validation", "raw_validation", "distance", "copied", "learning_rate")
    }
    marks: list[RunMark] = []
    average = _RunningAverage()
    for line in lines:
        seconds, images_seen = _finite(line.get("seconds")), _finite(line.get("images_seen"))
        if seconds is None or images_seen is None:
            continue

        def add(name: str, value: object, seconds: float = seconds, images_seen: float = images_seen) -> None:
            number = _finite(value)
            if number is not None:
                points[name].append((seconds, images_seen, number))

        match line.get("event"):
            case None:
                add("loss", average.add(line.get("losses")))
                add("learning_rate", line.get("learning_rate"))
            case "validated":
                add("validation", line.get("loss"))
                add("raw_validation", line.get("raw_loss"))
            case "quality":
                add("distance", line.get("distance"))
                add("copied", line.get("copied"))
            case "mark":
                texts = (str(line.get(key) or "") for key in ("kind", "text", "detail"))
                kind, text, detail = texts
                marks.append(RunMark(kind, seconds, int(images_seen), text, detail))
    return RunCurves(**{name: _curve(each, most_points) for name, each in points.items()}, marks=tuple(marks))


class _RunningAverage:
    """Of all losses so far; a line of several losses moves it as far as they would one by one, were they equal."""

    def __init__(self) -> None:
        self._count = 0
        self._average = math.nan

    def add(self, losses: object) -> float | None:
        """The average after these losses; None before the first finite one."""
        known = [loss for loss in map(_finite, losses if isinstance(losses, list) else ()) if loss is not None]
        if known:
            mean = sum(known) / len(known)
            first = self._count == 0
            self._count += len(known)
            span = min(self._count, max(SHORTEST_SMOOTHING, SMOOTHING_SHARE * self._count))
            weight = 1.0 - (1.0 - 1.0 / span) ** len(known)
            self._average = mean if first else self._average + weight * (mean - self._average)
        return None if math.isnan(self._average) else self._average


def _curve(points: list[tuple[float, float, float]], most: int) -> RunCurve:
    table = np.array(points, dtype=np.float64).reshape(-1, 3)
    if len(table) > most:
        table = table[np.unique(np.linspace(0, len(table) - 1, most).round().astype(int))]
    return RunCurve(*(np.ascontiguousarray(column) for column in table.T))


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
