"""The loss of a run: every step thin, the running average thick, the fixed validation draw dashed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from studio.app.theme import FontSize, ui_font
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.math_text import Term
from studio.app.widgets.moments import clock
from studio.app.widgets.plot_host import PlotHost
from studio.app.widgets.ticks import minute_ticks, no_ticks, number

if TYPE_CHECKING:
    from studio.app.widgets.plot import Plot

MOST_POINTS = 2000
MARGINS = 56
"""Pixels of a plot's width that are not its frame: the numbers at the left, some air at the right."""

END_SHARE = 0.012
"""So much of the axis lies beyond its end, so that the dot there is whole."""

MOST_LABELS = 6
_LINES_OF_LABELS = 3
_LOWEST, _HIGHEST = 1e-7, 1e30
_GAP = 10

RAW = CurveLook("d1", 1.0, faint=True)
SMOOTHED = CurveLook("d1", 2.0)
VALIDATION = CurveLook("d2", 2.0, "dash")

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
NOTHING: Points = (np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Mark:
    """A moment worth a line across the plot."""

    x: float
    label: str
    role: str = "warn"


@dataclass(frozen=True)
class LossCurves:
    """What a LossPlot draws: finite points (x, loss), decimated by the caller.

    raw_validation: of the weights as they are, which is read but not drawn. axis: "minutes" or "images"; it reaches to
    `expected_end` at least.
    """

    raw: Points = NOTHING
    smoothed: Points = NOTHING
    validation: Points = NOTHING
    raw_validation: Points = NOTHING
    marks: tuple[Mark, ...] = ()
    axis: str = "minutes"
    expected_end: float = 0.0


class LossPlot(PlotHost):
    """Draws whatever it is given, even nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Loss over time", parent)
        self.setMinimumSize(160, 96)
        self._curves = LossCurves()
        self._drawn_marks: tuple[tuple[Mark, int | None], ...] = ()
        self._drawn_height = 0
        self._logarithmic = True
        self._pointer: float | None = None

    @property
    def logarithmic(self) -> bool:
        return self._logarithmic

    @property
    def curves(self) -> LossCurves:
        """What is drawn."""
        return self._curves

    @property
    def most_points(self) -> int:
        """How many points a curve can show: two for each column of pixels, at most `MOST_POINTS`."""
        columns = max(1.0, (self.width() - MARGINS) * self.devicePixelRatioF())
        return int(min(MOST_POINTS, 2 * columns))

    @property
    def points_shown(self) -> int:
        """Points of the raw curve on the screen."""
        return len(self._curves.raw[0])

    def set_logarithmic(self, logarithmic: bool) -> None:
        if logarithmic != self._logarithmic:
            self._logarithmic = logarithmic
            self.redraw()

    def set_curves(self, curves: LossCurves) -> None:
        """Draw these."""
        self._curves = curves
        self.redraw()

    def sizeHint(self) -> QSize:
        return QSize(360, 220)

    def reading(self, x: float) -> str:
        """What the curves say at the place nearest to `x`; '' without curves."""
        curves = self._curves
        if not len(curves.smoothed[0]):
            return ""
        at, loss = _nearest(curves.smoothed, x)
        when = clock(60 * at) if curves.axis == "minutes" else f"{number(round(at))} pictures"
        words = f"{when}   {loss_words(loss)}"
        if len(curves.validation[0]):
            words += f"   validation {loss_words(_nearest(curves.validation, x)[1])}"
        if len(curves.raw_validation[0]):
            words += f" (raw weights {loss_words(_nearest(curves.raw_validation, x)[1])})"
        return words

    def _draw(self, plot: Plot) -> None:
        curves = self._curves
        if self._logarithmic != plot.logarithmic:
            plot.set_logarithmic(self._logarithmic)
        empty = not len(curves.raw[0])
        plot.set_message("the curve begins with the training" if empty else "")
        plot.set_ticks("left", no_ticks if empty else None)
        plot.set_ticks("bottom", no_ticks if empty else minute_ticks if curves.axis == "minutes" else None)
        end = axis_end(curves.raw[0], curves.expected_end, curves.axis)
        plot.set_x_range(0.0, end * (1 + END_SHARE))
        plot.set_y_range(*self._reach())
        plot.set_curve("raw", *curves.raw, RAW)
        plot.set_curve("smoothed", *curves.smoothed, SMOOTHED)
        plot.set_curve("validation", *curves.validation, VALIDATION)
        for name, points, role in (("now", curves.smoothed, "d1"), ("validated", curves.validation, "d2")):
            if len(points[0]):
                plot.set_dot(name, float(points[0][-1]), float(points[1][-1]), role)
            else:
                plot.set_dot(name, None)
        self._draw_marks(plot, end)
        self._point(plot, self._pointer)

    def _draw_marks(self, plot: Plot, end: float) -> None:
        lines = lines_of_labels(self._curves.marks, end, self._frame(), max(1, int((self.height() - 40) // 20)))
        marks = tuple(zip(self._curves.marks, lines, strict=True))
        # Words further down stand at a share of the height.
        if (marks, self.height()) == (self._drawn_marks, self._drawn_height):
            return
        self._drawn_height = self.height()
        for index in range(len(self._drawn_marks)):
            plot.set_marker(f"mark {index}", None)
        for index, (mark, line) in enumerate(marks):
            words = "" if line is None else mark.label
            plot.set_marker(f"mark {index}", mark.x, CurveLook(mark.role, 1.0, "dash"), words, line or 0)
        self._drawn_marks = marks

    def _frame(self) -> float:
        return max(1.0, self.width() - MARGINS)

    def _point(self, plot: Plot, x: float | None) -> None:
        self._pointer = x
        if x is None or not len(self._curves.smoothed[0]):
            plot.set_marker("pointer", None)
            plot.set_note(None)
            return
        at = _nearest(self._curves.smoothed, x)[0]
        plot.set_marker("pointer", at, CurveLook("border_strong", 1.0))
        plot.set_note([Term(self._note(x), size=FontSize.RANGE, words=True)], beside=at)

    def _note(self, x: float) -> str:
        """The reading, and in place of the numbers' names the mark that lies there."""
        reach = 6 * axis_end(self._curves.raw[0], self._curves.expected_end, self._curves.axis) / self._frame()
        near = [mark for mark in self._curves.marks if abs(mark.x - x) <= reach]
        words = self.reading(x)
        return f"{min(near, key=lambda mark: abs(mark.x - x)).label}   {words}" if near else words

    def _reach(self) -> tuple[float, float]:
        """The lowest and highest loss to show."""
        raw, lines = self._curves.raw[1], (self._curves.smoothed[1], self._curves.validation[1])
        if not len(raw):
            return (0.01, 1.0) if self._logarithmic else (0.0, 1.0)
        # A single wild step must not flatten the rest of the curve.
        low, high = (float(edge) for edge in np.percentile(raw, (1, 99)))
        low = min(low, *(float(line.min(initial=math.inf)) for line in lines))
        high = min(max(high, *(float(line.max(initial=0.0)) for line in lines)), _HIGHEST)
        if not self._logarithmic:
            return 0.0, max(high * 1.05, 1e-6)
        low = min(max(low, _LOWEST), _HIGHEST)
        return low * 0.85, max(high * 1.15, low * 2.0)


def axis_end(x: NDArray[np.float64], expected_end: float, axis: str) -> float:
    """Where the clock of a run ends on the screen: plots below each other agree on it."""
    reached = float(x[-1]) if len(x) else 0.0
    return max(reached, expected_end, 1 / 6 if axis == "minutes" else 1000.0)


def lines_of_labels(
    marks: Sequence[Mark], end: float, width: float, most_lines: int = _LINES_OF_LABELS
) -> tuple[int | None, ...]:
    """On which line below the plot's upper edge each mark's words stand, so that none lie on another's.

    None for words that have no place: of many marks the newest keep theirs. end: the axis's. width: the frame's.
    """
    metrics = QFontMetrics(ui_font(FontSize.RANGE))
    taken: list[list[tuple[float, float]]] = [[] for _ in range(min(most_lines, _LINES_OF_LABELS))]
    lines: list[int | None] = [None] * len(marks)
    shown = 0
    for index in reversed(range(len(marks))):
        room = metrics.horizontalAdvance(marks[index].label) + _GAP
        at = width * marks[index].x / (end * (1 + END_SHARE))
        # Words stand at the right of their line, or at the left where the frame ends.
        left, right = (at, at + room) if at + room <= width else (at - room, at)
        for number_, spans in enumerate(taken):
            if shown < MOST_LABELS and all(right <= low or left >= high for low, high in spans):
                spans.append((left, right))
                lines[index] = number_
                shown += 1
                break
    return tuple(lines)


def loss_words(loss: float) -> str:
    """A loss as people read it: 0.0612, 2.31e−05; a dash where there is none."""
    if not math.isfinite(loss):
        return "—"
    return f"{loss:.4f}" if 1e-3 <= loss < 100 else f"{loss:.2e}".replace("-", "−")


def _nearest(points: Points, x: float) -> tuple[float, float]:
    at = int(np.argmin(np.abs(points[0] - x)))
    return float(points[0][at]), float(points[1][at])
