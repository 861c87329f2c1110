"""Curves of several runs over each other, on training time or on pictures seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QWidget

from studio.app.theme import FontSize
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.math_text import Term
from studio.app.widgets.plot_host import PlotHost
from studio.app.widgets.ticks import minute_ticks, no_ticks, number

if TYPE_CHECKING:
    from studio.app.widgets.plot import Plot

_END_SHARE = 0.012
_LOWEST = 1e-9

RUN_LOOKS = (
    CurveLook("d1", 2.0, "solid"),
    CurveLook("d2", 2.0, "dash"),
    CurveLook("d3", 2.0, "dot"),
    CurveLook("d4", 2.0, "dash-dot"),
    CurveLook("d6", 2.0, "solid"),
    CurveLook("text", 2.0, "dash"),
)
"""How the curves of runs look, in the order in which the runs were chosen: told apart by dash as well as by colour."""


@dataclass(frozen=True, eq=False)
class OverlaidCurve:
    """A curve of points x, y, float64 (N,), x growing; `name` tells it apart."""

    name: str
    x: NDArray[np.float64] = field(repr=False)
    y: NDArray[np.float64] = field(repr=False)
    look: CurveLook = RUN_LOOKS[0]

    def value_at(self, x: float) -> float | None:
        """The value of the point nearest to x; None beyond the curve's ends and without points."""
        if not len(self.x) or not self.x[0] <= x <= self.x[-1]:
            return None
        return float(self.y[int(np.argmin(np.abs(self.x - x)))])


class OverlayPlot(PlotHost):
    """Draws whatever it is given, even nothing. `pointed`: the x under the pointer, None when it left."""

    pointed = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setMinimumSize(240, 120)
        self._curves: tuple[OverlaidCurve, ...] = ()
        self._marks: tuple[tuple[float, str], ...] = ()
        self._drawn_marks: tuple[tuple[float, str], ...] = ()
        self._axis = "minutes"
        self._logarithmic = True
        self._message = ""
        self._pointer: float | None = None

    @property
    def curves(self) -> tuple[OverlaidCurve, ...]:
        return self._curves

    def set_curves(
        self,
        curves: Sequence[OverlaidCurve],
        *,
        axis: str,
        logarithmic: bool,
        message: str = "",
        marks: Sequence[tuple[float, str]] = (),
    ) -> None:
        """Draw these. axis: "minutes" or "images". message: what stands there instead when there is no point.

        marks: (x, a few words) each, for lines across the plot.
        """
        self._curves, self._marks = tuple(curves), tuple(marks)
        self._axis, self._logarithmic, self._message = axis, logarithmic, message
        self.redraw()

    def sizeHint(self) -> QSize:
        return QSize(640, 260)

    def _draw(self, plot: Plot) -> None:
        drawn = [curve for curve in self._curves if len(curve.x)]
        for name in plot.curve_names():
            if name not in {curve.name for curve in drawn}:
                plot.remove_curve(name)
                plot.set_dot(name, None)
        if self._logarithmic != plot.logarithmic:
            plot.set_logarithmic(self._logarithmic)
        plot.set_message("" if drawn else self._message)
        plot.set_ticks("left", None if drawn else no_ticks)
        plot.set_ticks("bottom", no_ticks if not drawn else minute_ticks if self._axis == "minutes" else None)
        end = max((float(curve.x[-1]) for curve in drawn), default=0.0)
        plot.set_x_range(0.0, max(end, 1e-3) * (1 + _END_SHARE))
        plot.set_y_range(*self._reach(drawn))
        for curve in drawn:
            plot.set_curve(curve.name, curve.x, curve.y, curve.look)
            plot.set_dot(curve.name, float(curve.x[-1]), float(curve.y[-1]), curve.look.role)
        self._draw_marks(plot)
        self._point(plot, self._pointer)

    def _draw_marks(self, plot: Plot) -> None:
        if self._marks != self._drawn_marks:
            for index in range(len(self._drawn_marks)):
                plot.set_marker(f"mark {index}", None)
            for index, (x, words) in enumerate(self._marks):
                plot.set_marker(f"mark {index}", x, CurveLook("muted", 1.0, "dash"), words)
            self._drawn_marks = self._marks

    def _reach(self, curves: Sequence[OverlaidCurve]) -> tuple[float, float]:
        values = np.concatenate([curve.y for curve in curves]) if curves else np.zeros(0)
        values = values[np.isfinite(values)]
        if self._logarithmic:
            values = values[values > 0]
        if not len(values):
            return (0.01, 1.0) if self._logarithmic else (0.0, 1.0)
        low, high = float(values.min()), float(np.percentile(values, 99.5))
        if not self._logarithmic:
            return 0.0, max(1.05 * high, 1e-9)
        low = max(low, _LOWEST)
        return 0.9 * low, max(1.1 * high, 1.5 * low)

    def _point(self, plot: Plot, x: float | None) -> None:
        inside = x is not None and any(curve.value_at(x) is not None for curve in self._curves)
        x = x if inside else None
        self._pointer = x
        plot.set_marker("pointer", x, CurveLook("border_strong", 1.0))
        if x is None:
            plot.set_note(None)
        else:
            words = f"{x:.1f} min" if self._axis == "minutes" else f"{number(round(x))} pictures"
            plot.set_note([Term(words, size=FontSize.RANGE, words=True)], beside=x)
        self.pointed.emit(x)


def value_words(value: float | None) -> str:
    """A measured value with four digits; "—" for none."""
    if value is None or not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 10 else f"{value:.4g}".replace("-", "−")
