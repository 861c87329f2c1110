"""What was measured on chains that were run, over t, against what theory says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.forward.words import NOISE_ROLE, SIGNAL_ROLE
from studio.app.theme import FontSize, theme, ui_font
from studio.diffusion.forward_moments import ForwardMoments
from studio.diffusion.schedule import NoiseSchedule

_LEFT, _TOP, _BOTTOM, _RIGHT = 24.0, 6.0, 18.0, 8.0
_MOST_POINTS = 128
_DOTS = 26
_DOT = 2.6
_HIGH = 1.06
_SIGMAS = 2.0


@dataclass(frozen=True, eq=False)
class _Measured:
    theory: NDArray[np.float64]
    role: str
    dash: Qt.PenStyle
    value: NDArray[np.float64] | None
    error: NDArray[np.float64] | None


class MomentsPlot(QWidget):
    """Two curves of theory, dots with error bars where chains were measured, and the playhead; drag to move it."""

    seek_requested = Signal(object)
    """int: the step (0-based) a person points at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._schedule: NoiseSchedule | None = None
        self._moments: ForwardMoments | None = None
        self._position = 0
        self.setAccessibleName("Measured mean and variance against theory")
        self.setToolTip("Lines are theory, dots are measured; their bars are two standard errors long to each side")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self._repaint)

    def show_theory(self, schedule: NoiseSchedule) -> None:
        """The two curves."""
        self._schedule = schedule
        self.update()

    def show_moments(self, moments: ForwardMoments | None) -> None:
        """The dots; None for none yet."""
        self._moments = moments
        self.update()

    def set_position(self, position: int) -> None:
        """The step under the playhead, 0-based."""
        self._position = position
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, 80)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._seek(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event.position())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._area()
        painter.fillRect(area, theme().color("field"))
        self._paint_axes(painter, area)
        if self._schedule is not None:
            for measured in self._both(self._schedule, self._moments):
                self._paint_curve(painter, area, measured)
            for measured in self._both(self._schedule, self._moments):
                self._paint_dots(painter, area, measured)
            self._paint_playhead(painter, area)
        painter.end()

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _x(self, area: QRectF, t: float) -> float:
        assert self._schedule is not None
        return area.left() + area.width() * (t + 1) / self._schedule.step_count

    @staticmethod
    def _y(area: QRectF, value: float) -> float:
        return area.bottom() - area.height() * min(max(value, 0.0), _HIGH) / _HIGH

    def _seek(self, point: QPointF) -> None:
        if self._schedule is not None:
            area, count = self._area(), self._schedule.step_count
            t = round((point.x() - area.left()) / max(area.width(), 1.0) * count) - 1
            self.seek_requested.emit(max(0, min(t, count - 1)))

    @staticmethod
    def _both(schedule: NoiseSchedule, moments: ForwardMoments | None) -> tuple[_Measured, _Measured]:
        factor = (None, None) if moments is None else (moments.factor, moments.factor_error)
        variance = (None, None) if moments is None else (moments.variance, moments.variance_error)
        return (
            _Measured(schedule.sqrt_alpha_bar, SIGNAL_ROLE, Qt.PenStyle.SolidLine, *factor),
            _Measured(schedule.one_minus_alpha_bar, NOISE_ROLE, Qt.PenStyle.DashLine, *variance),
        )

    def _paint_axes(self, painter: QPainter, area: QRectF) -> None:
        painter.setFont(ui_font(FontSize.RANGE))
        metrics = QFontMetricsF(painter.font())
        for value, text in ((0.0, "0"), (0.5, ".5"), (1.0, "1")):
            y = round(self._y(area, value)) + 0.5
            painter.setPen(QPen(theme().color("border"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
            painter.setPen(theme().color("muted"))
            width = metrics.horizontalAdvance(text)
            painter.drawText(QPointF(area.left() - width - 6, y + metrics.ascent() / 2 - 2), text)
        if self._schedule is None:
            return
        count = self._schedule.step_count
        baseline = area.bottom() + 3 + metrics.ascent()
        for step in sorted({0, count // 2, count}):
            text = f"{step:,}"
            x = area.left() + area.width() * step / count - metrics.horizontalAdvance(text) / 2
            x = max(0.0, min(x, self.width() - metrics.horizontalAdvance(text)))
            painter.drawText(QPointF(x, baseline), text)

    def _paint_curve(self, painter: QPainter, area: QRectF, measured: _Measured) -> None:
        count = len(measured.theory)
        chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).astype(int))
        # Before the first step: all signal, no noise.
        steps = np.concatenate(([0], chosen + 1))
        values = np.concatenate(([1.0 if measured.role == SIGNAL_ROLE else 0.0], measured.theory[chosen]))
        x = area.left() + area.width() * steps / count
        y = area.bottom() - area.height() * np.clip(values, 0.0, _HIGH) / _HIGH
        points = [QPointF(*point) for point in zip(x.tolist(), y.tolist(), strict=True)]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme().color(measured.role), 1.6, measured.dash))
        painter.drawPolyline(QPolygonF(points))

    def _paint_dots(self, painter: QPainter, area: QRectF, measured: _Measured) -> None:
        if measured.value is None or measured.error is None:
            return
        color, count = theme().color(measured.role), len(measured.value)
        for t in np.unique(np.linspace(0, count - 1, min(count, _DOTS)).round().astype(int)).tolist():
            value, error = float(measured.value[t]), float(measured.error[t])
            if np.isfinite(value):
                self._paint_dot(painter, area, t, value, error, color, _DOT)
        t = min(self._position, count - 1)
        if np.isfinite(measured.value[t]):
            self._paint_dot(painter, area, t, float(measured.value[t]), float(measured.error[t]), color, _DOT + 1.8)

    def _paint_dot(self, painter: QPainter, area: QRectF, t: int, value: float, error: float, color, radius) -> None:
        x, y = self._x(area, t), self._y(area, value)
        if np.isfinite(error):
            reach = _SIGMAS * error
            painter.setPen(QPen(color, 1))
            painter.drawLine(QLineF(x, self._y(area, value - reach), x, self._y(area, value + reach)))
        painter.setPen(QPen(theme().color("field"), 1.2))
        painter.setBrush(color)
        painter.drawEllipse(QPointF(x, y), radius, radius)

    def _paint_playhead(self, painter: QPainter, area: QRectF) -> None:
        x = round(self._x(area, self._position))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        color = theme().color("accent")
        color.setAlphaF(0.7)
        painter.setPen(QPen(color, 2))
        painter.drawLine(QLineF(x, area.top(), x, area.bottom()))

    @Slot()
    def _repaint(self) -> None:
        self.update()
