"""The values of all pixels of z_t beside the standard normal curve that they turn into."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.forward.words import NOISE_ROLE
from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.labels import MINUS

REACH = 4.0
_BINS = (16, 33)
_BOTTOM, _TOP = 18.0, 6.0
_FEW = 64
_LEAST_HEIGHT = 0.6
"""The density at the top, unless the bars reach higher."""
_LINE_POINTS = 81


class ValueHistogram(QWidget):
    """Bars: the density of pixel values. Line: N(0, 1). Too few pixels for bars are drawn one by one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: NDArray[np.float32] = np.zeros(0, np.float32)
        self.setAccessibleName("Pixel values of z_t against the standard normal distribution")
        self.setToolTip("Bars: the pixel values of z_t.   Line: the standard normal distribution, where it ends")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self._repaint)

    def show_values(self, values: NDArray[np.float32]) -> None:
        """All values of z_t, in any shape."""
        self._values = np.asarray(values, dtype=np.float32).ravel()
        self.update()

    def densities(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Density a bar and the edges between them; values beyond ±4 lie in the outermost."""
        bins = _BINS[len(self._values) > 4 * _FEW]
        counts, edges = np.histogram(np.clip(self._values, -REACH, REACH), bins, (-REACH, REACH))
        return counts / max(len(self._values), 1) / (edges[1] - edges[0]), edges

    def sizeHint(self) -> QSize:
        return QSize(180, 140)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 70)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0, _TOP, 0, -_BOTTOM)
        painter.fillRect(area, theme().color("field"))
        painter.save()
        painter.setClipRect(area)
        if len(self._values) >= _FEW:
            self._paint_bars(painter, area)
        else:
            self._paint_marks(painter, area)
        painter.restore()
        self._paint_normal(painter, area)
        self._paint_ticks(painter, area)
        painter.end()

    def _highest(self) -> float:
        if len(self._values) < _FEW:
            return _LEAST_HEIGHT
        return max(_LEAST_HEIGHT, float(self.densities()[0].max()) * 1.05)

    def _x(self, area: QRectF, value: float) -> float:
        return area.left() + area.width() * (min(max(value, -REACH), REACH) + REACH) / (2 * REACH)

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        densities, edges = self.densities()
        highest = self._highest()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        color = theme().color("border_strong")
        for density, low, high in zip(densities, edges[:-1], edges[1:], strict=True):
            left, right = round(self._x(area, low)), round(self._x(area, high))
            height = round(area.height() * density / highest)
            painter.fillRect(QRectF(left + 0.5, area.bottom() - height, right - left - 1, height), color)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_marks(self, painter: QPainter, area: QRectF) -> None:
        painter.setPen(QPen(theme().color("text"), 1.5))
        for value in self._values.tolist():
            x = self._x(area, value)
            painter.drawLine(QLineF(x, area.bottom() - area.height() * 0.25, x, area.bottom()))

    def _paint_normal(self, painter: QPainter, area: QRectF) -> None:
        at = np.linspace(-REACH, REACH, _LINE_POINTS)
        highest = self._highest()
        density = np.exp(-(at**2) / 2) / math.sqrt(2 * math.pi)
        points = [
            QPointF(self._x(area, x), area.bottom() - area.height() * d / highest)
            for x, d in zip(at.tolist(), density.tolist(), strict=True)
        ]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme().color(NOISE_ROLE), 1.6))
        painter.drawPolyline(QPolygonF(points))

    def _paint_ticks(self, painter: QPainter, area: QRectF) -> None:
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(theme().color("muted"))
        metrics = QFontMetricsF(painter.font())
        for value in (-2, 0, 2):
            text = str(value).replace("-", MINUS)
            x = self._x(area, value) - metrics.horizontalAdvance(text) / 2
            painter.drawText(QPointF(x, area.bottom() + 3 + metrics.ascent()), text)

    @Slot()
    def _repaint(self) -> None:
        self.update()
