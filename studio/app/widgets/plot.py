"""A thin wrapper around pyqtgraph: one look for every plot, and the only file that would change with the library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QVBoxLayout, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.decimation import thin_curve

pg.setConfigOptions(imageAxisOrder="row-major", antialias=True)

_MOST_POINTS = 2000
_MOST_DASHED_POINTS = 500
_DASHES = {"solid": None, "dash": [5, 3], "dot": [1, 3], "dash-dot": [6, 3, 1, 3]}


@dataclass(frozen=True)
class CurveLook:
    """The colour role, the width and the dash ("solid", "dash", "dot", "dash-dot") of a curve.

    Curves differ by dash as well as by colour; `faint` draws at 45 % for what lies behind, as raw values.
    """

    role: str = "d1"
    width: float = 2.0
    dash: str = "solid"
    faint: bool = False

    def pen(self) -> QPen:
        """The pen in the colours of the theme that is on."""
        tokens = theme().tokens
        color = tokens.color(self.role)
        if self.faint:
            # Mixed with the ground, not transparent: opaque pens draw several times faster.
            ground = tokens.color("field")
            color = QColor(*(round(0.45 * a + 0.55 * b) for a, b in zip(color.getRgb(), ground.getRgb(), strict=True)))
        pen = QPen(color, self.width)
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pattern = _DASHES[self.dash]
        if pattern is not None:
            pen.setDashPattern(pattern)
        return pen


class _TidyAxis(pg.AxisItem):
    """Numbers with a true minus sign and no exponents for what can be read without."""

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        most = max(3, int(size // (22 if self.orientation in ("left", "right") else 48)))
        if self.logMode:
            return [(1.0, log_ticks(minVal, maxVal, most))]
        spacing, ticks = round_ticks(minVal, maxVal, most)
        return [(spacing, ticks)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [text.replace("-", "−") for text in super().tickStrings(values, scale, spacing)]

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{10.0**value * scale:g}".replace("-", "−") for value in values]


class _Grid(pg.GraphicsObject):
    """Hairlines at the ticks, below the curves; the axes' own grid lies above them and cuts off the end labels."""

    def __init__(self, plot: pg.PlotItem) -> None:
        super().__init__()
        self._plot = plot
        self.setZValue(-100)

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        pen = QPen(theme().tokens.color("border"), 1)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        (left, right), (bottom, top) = self.getViewBox().viewRange()
        across, up = self._plot.getAxis("bottom"), self._plot.getAxis("left")
        for _, ticks in across.tickValues(left, right, across.width()):
            painter.drawLines([QLineF(x, bottom, x, top) for x in ticks])
        for _, ticks in up.tickValues(bottom, top, up.height()):
            painter.drawLines([QLineF(left, y, right, y) for y in ticks])


def round_ticks(low: float, high: float, most: int) -> tuple[float, list[float]]:
    """(spacing, values): multiples of 1, 2 or 5 times a power of ten between `low` and `high`, at most `most` + 1."""
    if not high > low:
        return 1.0, [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    spacing = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / spacing - 1e-9)
    last = math.floor(high / spacing + 1e-9)
    return spacing, [number * spacing for number in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Exponents of round numbers between 10^low and 10^high, at most about `most`: 1-2-5, else 1-3, else tens."""
    for factors in ((1, 2, 5), (1, 3), (1,)):
        decades = range(math.floor(low), math.ceil(high) + 1)
        ticks = [decade + math.log10(factor) for decade in decades for factor in factors]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: -(-len(ticks) // most)]


class Plot(QWidget):
    """A themed plot with named curves. The mouse neither pans nor zooms, and there is no menu: the data set the range.

    `logarithmic` shows y by powers of ten; values of zero and below are left out then.
    """

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
        axes = {side: _TidyAxis(side) for side in ("left", "bottom")}
        self._widget = pg.PlotWidget(self, axisItems=axes)
        self._item = self._widget.getPlotItem()
        self._looks: dict[str, CurveLook] = {}
        self._data: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._markers: dict[str, tuple[pg.InfiniteLine, str]] = {}
        self._logarithmic = False
        self._x_label = x_label
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.setMouseEnabled(False, False)
        self._item.setContentsMargins(0, 6, 8, 0)
        self._widget.setFrameShape(self._widget.Shape.NoFrame)
        self._widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._widget.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._widget)
        self._item.getViewBox().setDefaultPadding(0.02)
        self._grid = _Grid(self._item)
        self._item.addItem(self._grid, ignoreBounds=True)
        self.set_logarithmic(logarithmic)
        self._recolor()
        theme().changed.connect(self._recolor)

    @property
    def item(self) -> pg.PlotItem:
        """pyqtgraph's own plot, for images and other items that this wrapper does not know."""
        return self._item

    def set_curve(self, name: str, x: np.ndarray, y: np.ndarray, look: CurveLook | None = None) -> None:
        """Draws or redraws a curve; `look` is needed the first time only. x, y are (N,) and may hold NaN gaps."""
        curve = self._curves.get(name)
        if look is not None or curve is None:
            self._looks[name] = look or CurveLook()
        if curve is None:
            curve = pg.PlotDataItem(connect="finite", skipFiniteCheck=False)
            self._curves[name] = curve
            self._item.addItem(curve)
        if look is not None or curve.opts["pen"] is None:
            curve.setPen(self._looks[name].pen())
            # Qt joins antialiased wide lines in one path at quadratic cost; segments are many times faster, but each
            # begins its dashes anew, which makes them solid.
            curve.curve.setSegmentedLineMode("on" if self._looks[name].dash == "solid" else "off")
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

    def set_marker(self, name: str, x: float | None, role: str = "accent", dash: str = "solid") -> None:
        """A vertical line at x, such as a playhead; None takes it away."""
        marker = self._markers.get(name)
        if x is None:
            if marker is not None:
                self._item.removeItem(self._markers.pop(name)[0])
            return
        if marker is None:
            line = pg.InfiniteLine(angle=90, movable=False, pen=CurveLook(role, 2.0, dash).pen())
            self._item.addItem(line, ignoreBounds=True)
            self._markers[name] = (line, role)
        self._markers[name][0].setValue(x)

    def set_logarithmic(self, on: bool) -> None:
        """Switches y between powers of ten and linear."""
        self._logarithmic = on
        self._item.setLogMode(x=False, y=on)
        for name in self._curves:
            self._draw(name)

    def set_x_range(self, low: float, high: float) -> None:
        """Fixes what x shows; without it the data do."""
        self._item.setXRange(low, high, padding=0)

    def set_y_range(self, low: float, high: float) -> None:
        """Fixes what y shows, in values also when logarithmic."""
        if self._logarithmic:
            low, high = np.log10(low), np.log10(high)
        self._item.setYRange(low, high, padding=0)

    def set_ticks(self, side: str, ticks: Sequence[tuple[float, str]] | None) -> None:
        """Writes these (value, words) along "left" or "bottom"; None gives round numbers."""
        self._item.getAxis(side).setTicks(None if ticks is None else [list(ticks)])

    def _draw(self, name: str) -> None:
        x, y = self._data[name]
        if self._logarithmic:
            y = np.where(y > 0, y, np.nan)
        x, y = thin_curve(x, y, _MOST_POINTS if self._looks[name].dash == "solid" else _MOST_DASHED_POINTS)
        self._curves[name].setData(x, y)

    @Slot()
    def _recolor(self) -> None:
        tokens = theme().tokens
        self._widget.setBackground(tokens.color("panel"))
        self._item.getViewBox().setBackgroundColor(tokens.color("field"))
        font = ui_font(FontSize.RANGE)
        for side in ("left", "bottom"):
            axis = self._item.getAxis(side)
            axis.setPen(QPen(tokens.color("border"), 1))
            axis.setTextPen(QPen(tokens.color("muted")))
            axis.setStyle(tickFont=font, tickLength=0, tickTextOffset=6, hideOverlappingLabels=False)
        # Room for "−0.0000" at once, so that the plot does not shift when the numbers grow longer.
        self._item.getAxis("left").setWidth(46)
        if self._x_label:
            self._item.setLabel("bottom", self._x_label, color=tokens.muted)
        self._grid.update()
        for name, curve in self._curves.items():
            curve.setPen(self._looks[name].pen())
        for line, role in self._markers.values():
            line.setPen(CurveLook(role).pen())
