"""A small curve of the loss, falling towards the least that is possible."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.curve_look import weakened

_HEIGHT = 80
_PADDING = 6
_NOTHING = np.zeros(0)

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


class FallingLoss(QWidget):
    """Every step thin, the running average thick, and a dashed line at the best possible loss; by powers of ten."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._raw: Points = (_NOTHING, _NOTHING)
        self._smoothed: Points = (_NOTHING, _NOTHING)
        self._floor: float | None = None
        self._end = 1.0
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Loss of the small model")
        theme().changed.connect(self._retheme)

    @property
    def floor(self) -> float | None:
        return self._floor

    @property
    def most_points(self) -> int:
        """How many points of a curve can be told apart."""
        return max(2, round(2 * self.width() * self.devicePixelRatioF()))

    def set_curves(self, raw: Points, smoothed: Points, floor: float | None, end: float) -> None:
        """Draw these; end: where the horizontal axis ends, in the units of the points."""
        self._raw, self._smoothed, self._floor, self._end = raw, smoothed, floor, max(end, 1e-9)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(172, _HEIGHT)

    def range(self) -> tuple[float, float]:
        """The lowest and the highest loss that is drawn."""
        values = self._raw[1][self._raw[1] > 0]
        if not len(values):
            low = high = self._floor or 1.0
        else:
            # A single wild step must not flatten the rest.
            low, high = (float(edge) for edge in np.percentile(values, (1, 99)))
        if self._floor is not None:
            low = min(low, self._floor)
        return 0.9 * low, max(1.1 * high, 1.5 * low)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("field"))
        painter.setFont(ui_font(FontSize.RANGE))
        if not len(self._raw[0]):
            painter.setPen(theme().color("muted"))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), "the curve begins\nwith the training")
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._floor is not None:
            y = self._place(0.0, self._floor).y()
            pen = QPen(theme().color("d3"), 1.2)
            pen.setDashPattern([4, 3])
            painter.setPen(pen)
            painter.drawLine(QLineF(0, y, self.width(), y))
        painter.setPen(QPen(weakened(theme().color("d1")), 1))
        painter.drawPolyline(self._polygon(*self._raw))
        painter.setPen(QPen(theme().color("d1"), 2))
        line = self._polygon(*self._smoothed)
        painter.drawPolyline(line)
        if line.size():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("d1"))
            painter.drawEllipse(line.last(), 3.2, 3.2)
        painter.end()

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)

    def _place(self, x: float, loss: float) -> QPointF:
        area = self._area()
        low, high = (math.log(edge) for edge in self.range())
        share = (math.log(max(loss, 1e-12)) - low) / (high - low)
        return QPointF(
            area.left() + min(x / self._end, 1.0) * area.width(),
            area.bottom() - min(max(share, -0.05), 1.05) * area.height(),
        )

    def _polygon(self, x: NDArray[np.float64], losses: NDArray[np.float64]) -> QPolygonF:
        area = self._area()
        low, high = (math.log(edge) for edge in self.range())
        shares = np.clip((np.log(np.maximum(losses, 1e-12)) - low) / (high - low), -0.05, 1.05)
        across = area.left() + np.minimum(x / self._end, 1.0) * area.width()
        up = area.bottom() - shares * area.height()
        return QPolygonF([QPointF(*pair) for pair in zip(across.tolist(), up.tolist(), strict=True)])

    @Slot()
    def _retheme(self) -> None:
        self.update()
