"""A thin wrapper around pyqtgraph: one look for every plot. Only this file and plot_parts know the library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.decimation import thin_curve
from studio.app.widgets.math_text import Term
from studio.app.widgets.plot_parts import LINE_HEIGHT, OVERHANG, Canvas, Dot, Grid, Line, Note, TickAxis
from studio.app.widgets.ticks import TickSource

pg.setConfigOptions(imageAxisOrder="row-major", antialias=True)

LEFT_MARGIN, TOP_MARGIN, RIGHT_MARGIN, BOTTOM_MARGIN = 44, 8, 12, 24
"""Pixels between the widget's edges and the frame; fixed, so that nothing shifts when numbers grow longer."""

_MOST_POINTS = 2000
_MOST_JOINED_POINTS = 400


@dataclass
class _Placed:
    """An item at a place of the data; kept to place it anew when the scale changes."""

    item: Dot
    role: str
    x: float
    y: float


class Plot(QWidget):
    """A themed plot with named curves. The mouse neither pans nor zooms, and there is no menu: the data set the range.

    `logarithmic` shows y by powers of ten; values of zero and below are left out then. The wheel scrolls the panel.
    """

    pointed = Signal(object)
    """The x under the pointer, in the units of the data; None when it left."""

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        name: str = "Plot",
        x_label: str = "",
        logarithmic: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._axes = {side: TickAxis(side) for side in ("left", "bottom")}
        self._canvas = Canvas(self, self._axes)
        self._item = self._canvas.getPlotItem()
        self._view = self._item.getViewBox()
        self._looks: dict[str, CurveLook] = {}
        self._data: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._dots: dict[str, _Placed] = {}
        self._markers: dict[str, tuple[Line, CurveLook]] = {}
        self._logarithmic = False
        self._x_label = x_label
        self._item.hideButtons()
        self._item.setMouseEnabled(False, False)
        self._item.setContentsMargins(0, TOP_MARGIN, RIGHT_MARGIN, 0)
        self._item.layout.setSpacing(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self._view.setDefaultPadding(0.02)
        self._grid = Grid(self._item)
        self._item.addItem(self._grid, ignoreBounds=True)
        self._note = Note(self._item)
        self._message = pg.LabelItem("")
        self._message.setParentItem(self._view)
        self._message.anchor(itemPos=(0.5, 0.5), parentPos=(0.5, 0.5))
        self._message.hide()
        self.set_logarithmic(logarithmic)
        self._recolor()
        self._canvas.pointed.connect(self.pointed)
        self._view.sigResized.connect(self._place_note)
        self._view.sigRangeChanged.connect(self._place_note)
        theme().changed.connect(self._recolor)

    @property
    def item(self) -> pg.PlotItem:
        """pyqtgraph's own plot, for images and other items that this wrapper does not know."""
        return self._item

    def set_curve(self, name: str, x: np.ndarray, y: np.ndarray, look: CurveLook | None = None) -> None:
        """Draws or redraws a curve; `look` is needed the first time only. x, y are (N,) and may hold NaN gaps."""
        curve = self._curves.get(name)
        look = look or self._looks.get(name) or CurveLook()
        if curve is None:
            curve = pg.PlotDataItem(connect="finite", skipFiniteCheck=False)
            self._curves[name] = curve
            self._item.addItem(curve)
        if look != self._looks.get(name):
            self._looks[name] = look
            curve.setPen(look.pen(self.devicePixelRatioF()))
            # Thin zigzags without smoothing of edges cost next to nothing.
            curve.opts["antialias"] = not look.faint
        self._data[name] = (np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        self._draw(name)

    def remove_curve(self, name: str) -> None:
        """Takes a curve away; nothing happens without one of that name."""
        curve = self._curves.pop(name, None)
        if curve is not None:
            self._item.removeItem(curve)
            del self._data[name], self._looks[name]

    def curve_names(self) -> tuple[str, ...]:
        """The names of the curves, oldest first."""
        return tuple(self._curves)

    def set_marker(
        self, name: str, x: float | None, look: CurveLook | None = None, words: str = "", line_number: int = 0
    ) -> None:
        """A vertical line at x, such as a playhead, with `words` beside its upper end; None takes it away.

        line_number: words whose neighbours are near stand on other lines below each other, the first at the top.
        """
        line, current = self._markers.get(name, (None, None))
        if x is None:
            if line is not None:
                self._item.removeItem(self._markers.pop(name)[0])
            return
        look = look or current or CurveLook("accent")
        if line is None:
            line = Line(words, 1.0 - (line_number + 0.6) * LINE_HEIGHT / max(2.0 * LINE_HEIGHT, self._view.height()))
            self._item.addItem(line, ignoreBounds=True)
        if look != current:
            self._markers[name] = (line, look)
            line.take_pen(look.pen(self.devicePixelRatioF()))
        line.setValue(x)

    def marker_names(self) -> tuple[str, ...]:
        """The names of the vertical lines, oldest first."""
        return tuple(self._markers)

    def set_dot(self, name: str, x: float | None, y: float = 0.0, role: str = "accent", size: float = 7.0) -> None:
        """A round dot of `size` pixels at (x, y), in front of the curves; None takes it away."""
        if x is None:
            if name in self._dots:
                self._item.removeItem(self._dots.pop(name).item)
            return
        if name not in self._dots:
            dot = Dot(size)
            dot.setBrush(theme().color(role))
            self._item.addItem(dot, ignoreBounds=True)
            self._dots[name] = _Placed(dot, role, x, y)
        placed = self._dots[name]
        placed.x, placed.y = x, y
        self._place(placed)

    def set_note(self, terms: Sequence[Term] | None, beside: float = 0.0) -> None:
        """A raised label along the upper edge, beside this x; None takes it away."""
        if terms is None:
            self._note.hide()
        else:
            self._note.show_terms(terms, beside)

    @property
    def note(self) -> str:
        """What the raised label says, empty when there is none."""
        return self._note.text if self._note.isVisible() else ""

    def set_message(self, words: str) -> None:
        """A quiet sentence in the middle, for a plot without data; none when empty."""
        self._message.setVisible(bool(words))
        if words != self._message.text:
            self._message.setText(words, color=theme().color("muted"), size=f"{FontSize.LABEL}px")

    @property
    def logarithmic(self) -> bool:
        """Whether y goes by powers of ten."""
        return self._logarithmic

    def set_logarithmic(self, on: bool) -> None:
        """Switches y between powers of ten and linear."""
        self._logarithmic = on
        self._item.setLogMode(x=False, y=on)
        for name in self._curves:
            self._draw(name)
        for placed in self._dots.values():
            self._place(placed)

    def set_x_range(self, low: float, high: float, padding: float = 0.0) -> None:
        """Fixes what x shows, and a share `padding` more on both sides; without it the data do."""
        self._item.setXRange(low, high, padding=padding)

    def set_y_range(self, low: float, high: float, padding: float = 0.0) -> None:
        """Fixes what y shows, in values also when logarithmic, and a share `padding` more on both sides."""
        if self._logarithmic:
            low, high = math.log10(low), math.log10(high)
        self._item.setYRange(low, high, padding=padding)

    def set_ticks(self, side: str, source: TickSource | None) -> None:
        """Takes the numbers along "left" or "bottom" from `source`; None gives round numbers."""
        self._axes[side].set_source(source)
        self._grid.update()

    def _draw(self, name: str) -> None:
        x, y = self._data[name]
        if self._logarithmic:
            y = np.where(y > 0, y, np.nan)
        look, curve = self._looks[name], self._curves[name]
        x, y = thin_curve(x, y, _MOST_POINTS if look.dash == "solid" else _MOST_JOINED_POINTS)
        # Qt joins antialiased wide lines in one path at quadratic cost. Segments are many times faster, but where they
        # are shorter than a pixel their smoothed edges add up to jagged ones, and each begins its dashes anew.
        curve.curve.setSegmentedLineMode("on" if len(x) > _MOST_JOINED_POINTS and not look.faint else "off")
        curve.setData(x, y)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._recolor()
        return super().event(event)

    def _place(self, placed: _Placed) -> None:
        shown = not self._logarithmic or placed.y > 0
        placed.item.setVisible(shown)
        if shown:
            placed.item.setPos(placed.x, math.log10(placed.y) if self._logarithmic else placed.y)

    @Slot()
    def _place_note(self) -> None:
        self._note.place()

    @Slot()
    def _recolor(self) -> None:
        tokens, ratio = theme(), self.devicePixelRatioF()
        self._canvas.setBackground(tokens.color("panel"))
        self._view.setBackgroundColor(tokens.color("field"))
        for axis in self._axes.values():
            axis.restyle()
            axis.setStyle(
                tickFont=ui_font(FontSize.RANGE), tickLength=0, tickTextOffset=6, hideOverlappingLabels=OVERHANG
            )
        self._axes["left"].setWidth(LEFT_MARGIN)
        if self._x_label:
            self._item.setLabel("bottom", self._x_label, color=tokens.color("muted").name())
        else:
            self._axes["bottom"].setHeight(BOTTOM_MARGIN)
        self._grid.update()
        self._note.update()
        self._message.setText(self._message.text, color=tokens.color("muted"))
        for name, curve in self._curves.items():
            curve.setPen(self._looks[name].pen(ratio))
        for line, look in self._markers.values():
            line.take_pen(look.pen(ratio))
        for dot in self._dots.values():
            dot.item.setBrush(tokens.color(dot.role))
