"""One quantity over the diffusion steps t = 1..T, with a cursor that several plots share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.app.theme import FontSize, Space
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.labels import Label
from studio.app.widgets.math_text import MathLabel, Term
from studio.app.widgets.plot_host import PlotHost
from studio.app.widgets.ticks import Tick, number

if TYPE_CHECKING:
    from studio.app.widgets.plot import Plot

_TITLE_INDENT = 44
_PADDING = 0.015
_MOST_POINTS = 256
_DASHES = {
    Qt.PenStyle.SolidLine: "solid",
    Qt.PenStyle.DashLine: "dash",
    Qt.PenStyle.DotLine: "dot",
    Qt.PenStyle.DashDotLine: "dash-dot",
}


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at t = 1..T, float (T,), in the colour of token `role`; `dash` and `label` tell a second one apart."""

    values: NDArray[np.float64] = field(repr=False)
    role: str = "d1"
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine
    width: float = 2.0
    label: str = ""

    @property
    def look(self) -> CurveLook:
        return CurveLook(self.role, self.width, _DASHES[self.dash])


class CurvePlot(PlotHost):
    """The first curve is the one the cursor reads; the others are there to compare with."""

    hovered = Signal(object)
    """The step under the pointer (0-based), None when it left."""

    def __init__(
        self,
        symbol: str,
        caption: str,
        role: str,
        parent: QWidget | None = None,
        *,
        reading: Callable[[float], str] | None = None,
        reading_at_left: bool = False,
    ) -> None:
        """`symbol` in the markup of math_text, drawn in the colour of token `role`; `reading` words a value.

        The reading stands in the upper right corner, or the left one: where the curve is not.
        """
        super().__init__(caption, parent)
        self.setMinimumSize(130, 110)
        self._symbol = Term(symbol, role)
        self._reading = reading or _reading
        self._reading_at_left = reading_at_left
        self._curves: tuple[Curve, ...] = ()
        self._low, self._high = 0.0, 1.0
        self._ticks: tuple[Tick, ...] | None = None
        self._logarithmic = False
        self._cursor: int | None = None
        title = QHBoxLayout()
        title.setContentsMargins(_TITLE_INDENT, 0, 0, 0)
        title.setSpacing(Space.S)
        title.addWidget(MathLabel([self._symbol], self))
        title.addWidget(Label(caption, self, role="muted", size=FontSize.LABEL, elided=True), 1)
        self._column.addLayout(title)

    @property
    def curves(self) -> tuple[Curve, ...]:
        return self._curves

    @property
    def cursor_step(self) -> int | None:
        """The step (0-based) the cursor stands on."""
        return self._cursor

    def set_curves(
        self,
        curves: Sequence[Curve],
        low: float,
        high: float,
        ticks: Sequence[float] | None = None,
        *,
        logarithmic: bool = False,
    ) -> None:
        """Draw these curves between `low` and `high`; round numbers mark the axis unless `ticks` names them."""
        self._curves = tuple(curves)
        self._low, self._high = (low, high) if high > low else (low, low + 1.0)
        self._ticks = None if ticks is None else tuple(Tick(t, number(t)) for t in ticks)
        self._logarithmic = logarithmic
        self.redraw()

    def set_cursor_step(self, step: int | None) -> None:
        """Move the cursor to a step (0-based), or take it away."""
        if step != self._cursor:
            self._cursor = step
            if self._plot is not None:
                self._draw_cursor(self._plot)

    def sizeHint(self) -> QSize:
        return QSize(240, 170)

    def _point(self, plot: Plot, x: float | None) -> None:
        count = self._step_count()
        if x is None:
            self.hovered.emit(None)
        elif count:
            self.hovered.emit(int(np.clip(round(x) - 1, 0, count - 1)))

    def _draw(self, plot: Plot) -> None:
        count = self._step_count()
        if self._logarithmic != plot.logarithmic:
            plot.set_logarithmic(self._logarithmic)
        plot.set_ticks("bottom", partial(_step_ticks, count))
        plot.set_ticks("left", None if self._ticks is None else partial(_fixed_ticks, self._ticks))
        plot.set_x_range(0.0, float(max(count, 1)), _PADDING)
        plot.set_y_range(self._low, self._high, _PADDING)
        names = [str(index) for index in range(len(self._curves))]
        for name in plot.curve_names() if set(plot.curve_names()) != set(names) else ():
            plot.remove_curve(name)
            plot.set_words(name, None)
        # The first curve lies above those it is compared with.
        for name, curve in reversed(list(zip(names, self._curves, strict=True))):
            count = len(curve.values)
            steps = np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).astype(int))
            values = self._within(curve.values[steps])
            plot.set_curve(name, steps + 1, values, curve.look)
            third = len(steps) // 3
            if curve.label and np.isfinite(values[third]):
                plot.set_words(name, float(steps[third] + 1), float(values[third]), curve.label, curve.role)
            else:
                plot.set_words(name, None)
        self._draw_cursor(plot)

    def _draw_cursor(self, plot: Plot) -> None:
        step = self._cursor
        if step is None or step >= self._step_count() or not np.isfinite(self._curves[0].values[step]):
            plot.set_marker("cursor", None)
            plot.set_dot("cursor", None)
            plot.set_note(None)
            return
        curve = self._curves[0]
        value = float(self._within(curve.values[step]))
        plot.set_marker("cursor", step + 1.0, CurveLook("border_strong", 1.0))
        plot.set_dot("cursor", step + 1.0, value, curve.role, 9.0)
        small = FontSize.LABEL
        words = [
            Term("t", size=small),
            Term(f" {step + 1}   ", size=small, words=True),
            Term(self._symbol.text, size=small),
            Term(f" {self._reading(value)}", size=small, words=True),
        ]
        plot.set_note(words, at_left=self._reading_at_left)

    def _within(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values beyond the frame lie on its edge; what is no number stays a gap."""
        return np.clip(values, self._low, self._high)

    def _step_count(self) -> int:
        return len(self._curves[0].values) if self._curves else 0


def _step_ticks(count: int, *_: float) -> tuple[Tick, ...]:
    """The two ends and the middle: 0, T/2, T."""
    if count < 4:
        return ()
    return (Tick(0, "0"), Tick(count / 2, number(count // 2)), Tick(count, number(count)))


def _fixed_ticks(ticks: tuple[Tick, ...], *_: float) -> tuple[Tick, ...]:
    return ticks


def _reading(value: float) -> str:
    text = f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("-", "−")
