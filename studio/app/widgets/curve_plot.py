"""One quantity over the diffusion steps t = 1..T, with a cursor that several plots share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.axes import Scale, Tick, linear_ticks, number, paint_frame, polyline
from studio.app.widgets.math_text import MathLine, Term

_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 12, 26, 22


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at t = 1..T, float (T,), in the colour of token `role`; `dash` and `label` tell a second one apart."""

    values: NDArray[np.float64] = field(repr=False)
    role: str = "d1"
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine
    width: float = 2.0
    label: str = ""


class CurvePlot(QWidget):
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
        super().__init__(parent)
        self.setAccessibleName(caption)
        self.setMouseTracking(True)
        self.setMinimumSize(130, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._symbol = Term(symbol, role)
        self._caption = caption
        self._reading = reading or _reading
        self._reading_at_left = reading_at_left
        self._curves: tuple[Curve, ...] = ()
        self._y = Scale(0.0, 1.0)
        self._ticks: tuple[Tick, ...] = ()
        self._cursor: int | None = None
        theme().changed.connect(self._retheme)

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
        self._y = Scale(low, high, logarithmic) if high > low else Scale(low, low + 1.0)
        self._ticks = linear_ticks(low, high, 4) if ticks is None else tuple(Tick(t, number(t)) for t in ticks)
        self.update()

    def set_cursor_step(self, step: int | None) -> None:
        """Move the cursor to a step (0-based), or take it away."""
        if step != self._cursor:
            self._cursor = step
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 170)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        count = self._step_count()
        frame = self._frame()
        if count and frame.width() > 0:
            place = (event.position().x() - frame.left()) / frame.width()
            self.hovered.emit(int(np.clip(round(place * count) - 1, 0, count - 1)))

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        frame = self._frame()
        title = MathLine([self._symbol])
        title.paint(painter, frame.left(), 17)
        painter.setFont(ui_font(FontSize.LABEL))
        painter.setPen(theme().color("muted"))
        caption = QRectF(frame.left() + title.width + 6, 0, self.width() - frame.left() - title.width - 6, 24)
        words = painter.fontMetrics().elidedText(self._caption, Qt.TextElideMode.ElideRight, int(caption.width()))
        painter.drawText(caption, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        count = self._step_count()
        x = Scale(0.0, float(max(count, 1)))
        paint_frame(painter, frame, x, self._y, _step_ticks(count), self._ticks)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.setClipRect(frame.adjusted(-2, -2, 2, 2))
        for curve in reversed(self._curves):
            self._paint_curve(painter, frame, x, curve)
        painter.restore()
        self._paint_cursor(painter, frame, x)

    def _paint_curve(self, painter: QPainter, frame: QRectF, x: Scale, curve: Curve) -> None:
        count = len(curve.values)
        steps = np.unique(np.linspace(0, count - 1, min(count, int(frame.width()) + 1)).astype(int))
        values = np.nan_to_num(curve.values[steps], posinf=self._y.high, neginf=self._y.low)
        line = polyline(frame, x, self._y, steps + 1.0, values)
        color = theme().color(curve.role)
        painter.setPen(QPen(color, curve.width, curve.dash, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPolyline(line)
        if curve.label:
            painter.setFont(ui_font(FontSize.RANGE))
            place = line.at(len(steps) // 3)
            left = max(frame.left() + 4, place.x() - painter.fontMetrics().horizontalAdvance(curve.label) - 8)
            below = place.y() + 28 < frame.bottom()
            painter.drawText(QPointF(left, place.y() + (24 if below else -8)), curve.label)

    def _paint_cursor(self, painter: QPainter, frame: QRectF, x: Scale) -> None:
        if self._cursor is None or not self._curves or self._cursor >= self._step_count():
            return
        curve = self._curves[0]
        value = float(np.nan_to_num(curve.values[self._cursor], posinf=self._y.high, neginf=self._y.low))
        point = polyline(frame, x, self._y, np.array([self._cursor + 1.0]), np.array([value])).first()
        painter.setPen(QPen(theme().color("border_strong"), 1))
        painter.drawLine(QPointF(round(point.x()) + 0.5, frame.top()), QPointF(round(point.x()) + 0.5, frame.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(curve.role))
        painter.drawEllipse(point, 4.5, 4.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._paint_reading(painter, frame, value)

    def _paint_reading(self, painter: QPainter, frame: QRectF, value: float) -> None:
        small = FontSize.LABEL
        line = MathLine(
            [
                Term("t", size=small),
                Term(f" {self._cursor + 1}   ", size=small, words=True),
                Term(self._symbol.text, size=small),
                Term(f" {self._reading(value)}", size=small, words=True),
            ]
        )
        width = line.width + 12
        left = frame.left() + 3 if self._reading_at_left else frame.right() - 3 - width
        box = QRectF(left, frame.top() + 3, width, 22)
        painter.setPen(QPen(theme().color("border"), 1))
        painter.setBrush(theme().color("raised"))
        painter.drawRoundedRect(box, 2, 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        line.paint(painter, box.left() + 6, box.top() + 15)

    def _step_count(self) -> int:
        return len(self._curves[0].values) if self._curves else 0

    def _frame(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    @Slot()
    def _retheme(self) -> None:
        self.update()


def _step_ticks(count: int) -> tuple[Tick, ...]:
    """The two ends and the middle: 0, T/2, T."""
    if count < 4:
        return ()
    return (Tick(0, "0"), Tick(count / 2, number(count // 2)), Tick(count, number(count)))


def _reading(value: float) -> str:
    text = f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("-", "−")
