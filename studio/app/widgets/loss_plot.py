"""The loss of a run: every step thin, the running average thick, on a clock or on pictures seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from studio.app.theme import FontSize
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.math_text import Term
from studio.app.widgets.plot_host import PlotHost
from studio.app.widgets.ticks import minute_ticks, no_ticks, number

if TYPE_CHECKING:
    from studio.app.widgets.plot import Plot

MOST_POINTS = 2000
_MARGINS = 56
_LOWEST, _HIGHEST = 1e-7, 1e30
_END_SHARE = 0.012

_RAW = CurveLook("d1", 1.0, faint=True)
_SMOOTHED = CurveLook("d1", 2.0)

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
_NOTHING: Points = (np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Mark:
    """A moment worth a line across the plot."""

    x: float
    label: str
    role: str = "warn"


class LossPlot(PlotHost):
    """Two curves of finite points, decimated by the caller. Draws whatever it is given, even nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Loss over time", parent)
        self.setMinimumSize(160, 110)
        self._raw = _NOTHING
        self._smoothed = _NOTHING
        self._marks: tuple[Mark, ...] = ()
        self._drawn_marks: tuple[Mark, ...] = ()
        self._expected_end = 0.0
        self._logarithmic = True
        self._axis = "minutes"
        self._pointer: float | None = None

    @property
    def logarithmic(self) -> bool:
        return self._logarithmic

    @property
    def most_points(self) -> int:
        """How many points a curve can show: two for each column of pixels, at most `MOST_POINTS`."""
        columns = max(1.0, (self.width() - _MARGINS) * self.devicePixelRatioF())
        return int(min(MOST_POINTS, 2 * columns))

    @property
    def points_shown(self) -> int:
        """Points of the raw curve on the screen."""
        return len(self._raw[0])

    def set_logarithmic(self, logarithmic: bool) -> None:
        if logarithmic != self._logarithmic:
            self._logarithmic = logarithmic
            self.redraw()

    def set_curves(
        self, raw: Points, smoothed: Points, *, axis: str, expected_end: float = 0.0, marks: tuple[Mark, ...] = ()
    ) -> None:
        """Draw these points. `axis` is "minutes" or "images"; the axis reaches to `expected_end` at least."""
        self._raw, self._smoothed = raw, smoothed
        self._axis, self._expected_end, self._marks = axis, expected_end, marks
        self.redraw()

    def sizeHint(self) -> QSize:
        return QSize(360, 220)

    def _draw(self, plot: Plot) -> None:
        if self._logarithmic != plot.logarithmic:
            plot.set_logarithmic(self._logarithmic)
        plot.set_message("" if len(self._raw[0]) else "the curve begins with the training")
        if len(self._raw[0]):
            plot.set_ticks("left", None)
            plot.set_ticks("bottom", minute_ticks if self._axis == "minutes" else None)
        else:
            plot.set_ticks("left", no_ticks)
            plot.set_ticks("bottom", no_ticks)
        end = self._end()
        # A little more than the end, so that the dot there is whole.
        plot.set_x_range(0.0, end * (1 + _END_SHARE))
        plot.set_y_range(*self._reach())
        plot.set_curve("raw", *self._raw, _RAW)
        plot.set_curve("smoothed", *self._smoothed, _SMOOTHED)
        if len(self._smoothed[0]):
            plot.set_dot("now", float(self._smoothed[0][-1]), float(self._smoothed[1][-1]), "d1")
        else:
            plot.set_dot("now", None)
        self._draw_marks(plot)
        self._point(plot, self._pointer)

    def _draw_marks(self, plot: Plot) -> None:
        if self._marks == self._drawn_marks:
            return
        for index in range(len(self._drawn_marks)):
            plot.set_marker(f"mark {index}", None)
        for index, mark in enumerate(self._marks):
            plot.set_marker(f"mark {index}", mark.x, CurveLook(mark.role, 1.0, "dash"), mark.label)
        self._drawn_marks = self._marks

    def _point(self, plot: Plot, x: float | None) -> None:
        self._pointer = x
        if x is None or not len(self._smoothed[0]):
            plot.set_marker("pointer", None)
            plot.set_note(None)
            return
        nearest = int(np.argmin(np.abs(self._smoothed[0] - x)))
        at, loss = float(self._smoothed[0][nearest]), float(self._smoothed[1][nearest])
        words = f"{loss:.4f}" if loss >= 1e-3 else f"{loss:.2e}".replace("-", "−")
        when = f"{at:.1f} min" if self._axis == "minutes" else f"{number(round(at))} pictures"
        plot.set_marker("pointer", at, CurveLook("border_strong", 1.0))
        plot.set_note([Term(f"{when}   {words}", size=FontSize.RANGE, words=True)], beside=at)

    def _end(self) -> float:
        reached = float(self._raw[0][-1]) if len(self._raw[0]) else 0.0
        return max(reached, self._expected_end, 1 / 6 if self._axis == "minutes" else 1000.0)

    def _reach(self) -> tuple[float, float]:
        """The lowest and highest loss to show."""
        raw, smoothed = self._raw[1], self._smoothed[1]
        if not len(raw):
            return (0.01, 1.0) if self._logarithmic else (0.0, 1.0)
        # A single wild step must not flatten the rest of the curve.
        low, high = (float(edge) for edge in np.percentile(raw, (1, 99)))
        low = min(low, float(smoothed.min(initial=math.inf)))
        high = min(max(high, float(smoothed.max(initial=0.0))), _HIGHEST)
        if not self._logarithmic:
            return 0.0, max(high * 1.05, 1e-6)
        low = min(max(low, _LOWEST), _HIGHEST)
        return low * 0.85, max(high * 1.15, low * 2.0)
