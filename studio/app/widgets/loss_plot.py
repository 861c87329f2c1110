"""The loss of a run: every step thin, the running average thick, on a clock or on pictures seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.axes import (
    Scale,
    linear_ticks,
    logarithmic_ticks,
    minute_ticks,
    number,
    paint_frame,
    polyline,
)

MOST_POINTS = 2000
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 24

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
_NOTHING: Points = (np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Mark:
    """A moment worth a line across the plot."""

    x: float
    label: str
    role: str = "warn"


class LossPlot(QWidget):
    """Two curves of finite points, decimated by the caller. Draws whatever it is given, even nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Loss over time")
        self.setMouseTracking(True)
        self.setMinimumSize(160, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._raw = _NOTHING
        self._smoothed = _NOTHING
        self._marks: tuple[Mark, ...] = ()
        self._expected_end = 0.0
        self._logarithmic = True
        self._axis = "minutes"
        self._pointer: float | None = None
        theme().changed.connect(self._retheme)

    @property
    def logarithmic(self) -> bool:
        return self._logarithmic

    @property
    def most_points(self) -> int:
        """How many points a curve can show: two for each column of pixels, at most `MOST_POINTS`."""
        columns = max(1.0, self._frame().width() * self.devicePixelRatioF())
        return int(min(MOST_POINTS, 2 * columns))

    @property
    def points_shown(self) -> int:
        """Points of the raw curve on the screen."""
        return len(self._raw[0])

    def set_logarithmic(self, logarithmic: bool) -> None:
        if logarithmic != self._logarithmic:
            self._logarithmic = logarithmic
            self.update()

    def set_curves(
        self, raw: Points, smoothed: Points, *, axis: str, expected_end: float = 0.0, marks: tuple[Mark, ...] = ()
    ) -> None:
        """Draw these points. `axis` is "minutes" or "images"; the axis reaches to `expected_end` at least."""
        self._raw, self._smoothed = raw, smoothed
        self._axis, self._expected_end, self._marks = axis, expected_end, marks
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, 220)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position().x()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        frame = self._frame()
        x, y = self._scale_x(), self._scale_y()
        x_ticks = minute_ticks(x.high) if self._axis == "minutes" else linear_ticks(0.0, x.high, 4)
        y_ticks = logarithmic_ticks(y.low, y.high) if y.logarithmic else linear_ticks(y.low, y.high)
        if not len(self._raw[0]):
            paint_frame(painter, frame, x, y, (), ())
            painter.setFont(ui_font(FontSize.LABEL))
            painter.setPen(theme().color("muted"))
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, "the curve begins with the training")
            return
        paint_frame(painter, frame, x, y, x_ticks, y_ticks)
        painter.save()
        painter.setClipRect(frame.adjusted(0, -1, 4, 1))
        self._paint_marks(painter, frame, x)
        self._paint_curves(painter, frame, x, y)
        self._paint_pointer(painter, frame, x, y)
        painter.restore()

    def _paint_curves(self, painter: QPainter, frame: QRectF, x: Scale, y: Scale) -> None:
        color = theme().color("d1")
        if len(self._raw[0]):
            # Thin and without smoothing of edges: hundreds of zigzags cost next to nothing so.
            painter.setPen(QPen(weakened(color), 1))
            painter.drawPolyline(polyline(frame, x, y, *self._raw))
        if len(self._smoothed[0]):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            line = polyline(frame, x, y, *self._smoothed)
            painter.setPen(QPen(color, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
            painter.drawPolyline(line)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(line.last(), 3.5, 3.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_marks(self, painter: QPainter, frame: QRectF, x: Scale) -> None:
        painter.setFont(ui_font(FontSize.RANGE))
        for mark in self._marks:
            at = round(frame.left() + float(x.place(mark.x)) * frame.width())
            pen = QPen(theme().color(mark.role), 1, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawLine(QPointF(at, frame.top()), QPointF(at, frame.bottom()))
            width = painter.fontMetrics().horizontalAdvance(mark.label)
            left = at + 5 if at + 5 + width < frame.right() else at - 5 - width
            painter.drawText(QPointF(left, frame.top() + 13), mark.label)

    def _paint_pointer(self, painter: QPainter, frame: QRectF, x: Scale, y: Scale) -> None:
        if self._pointer is None or not len(self._smoothed[0]):
            return
        wanted = x.value_at((self._pointer - frame.left()) / frame.width())
        nearest = int(np.argmin(np.abs(self._smoothed[0] - wanted)))
        at_x, at_y = float(self._smoothed[0][nearest]), float(self._smoothed[1][nearest])
        left = round(frame.left() + float(x.place(at_x)) * frame.width())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(theme().color("muted"), 1))
        painter.drawLine(QPointF(left, frame.top()), QPointF(left, frame.bottom()))
        when = f"{at_x:.1f} min" if self._axis == "minutes" else f"{number(round(at_x))} pictures"
        paint_note(painter, frame, left, frame.top() + 6, f"{when}   {at_y:.4f}")

    def _frame(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _scale_x(self) -> Scale:
        reached = float(self._raw[0][-1]) if len(self._raw[0]) else 0.0
        return Scale(0.0, max(reached, self._expected_end, 1 / 6 if self._axis == "minutes" else 1000.0))

    def _scale_y(self) -> Scale:
        raw, smoothed = self._raw[1], self._smoothed[1]
        if not len(raw):
            return Scale(0.01, 1.0, True) if self._logarithmic else Scale(0.0, 1.0)
        # A single wild step must not flatten the rest of the curve.
        low = min(float(np.percentile(raw, 1)), float(smoothed.min(initial=math.inf)))
        high = max(float(np.percentile(raw, 99)), float(smoothed.max(initial=0.0)))
        if not self._logarithmic:
            return Scale(0.0, max(high * 1.05, 1e-6))
        low = max(low, 1e-7)
        return Scale(low * 0.85, max(high * 1.15, low * 2.0), True)

    @Slot()
    def _retheme(self) -> None:
        self.update()


def paint_note(painter: QPainter, frame: QRectF, x: float, y: float, text: str) -> None:
    """A small raised label beside a place in a plot, kept within the frame."""
    painter.setFont(ui_font(FontSize.RANGE))
    width = painter.fontMetrics().horizontalAdvance(text) + 12
    left = x + 8 if x + 8 + width <= frame.right() else x - 8 - width
    box = QRectF(max(left, frame.left()), y, width, 20)
    painter.setPen(QPen(theme().color("border"), 1))
    painter.setBrush(theme().color("raised"))
    painter.drawRoundedRect(box, 2, 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(theme().color("text"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def weakened(color: QColor, share: float = 0.55) -> QColor:
    """`color` with `share` of its strength on the ground of plots, opaque: cheaper to draw than a transparent one."""
    ground = theme().color("field").getRgbF()
    return QColor.fromRgbF(*(share * a + (1 - share) * b for a, b in zip(color.getRgbF()[:3], ground[:3], strict=True)))
