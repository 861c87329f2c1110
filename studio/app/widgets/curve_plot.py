"""One quantity over the diffusion steps t = 1..T, painted fast enough to follow a hand; plots share a cursor.

What stands still (ground, grid, numbers, curves to compare with) is painted once into a pixmap. A file is painted
without it, so that lines stay lines in an SVG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFontMetricsF,
    QMouseEvent,
    QPaintEngine,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.curve_editor_axes import Axes, axes_in, crisp
from studio.app.widgets.curve_editor_note import paint_note
from studio.app.widgets.curve_editor_shares import Shares, paint_shares
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.labels import format_number
from studio.app.widgets.math_text import Term, plain_text
from studio.app.widgets.ticks import Tick, number

_LABEL_PLACES = (0.34, 0.5, 0.22, 0.66, 0.8, 0.1)
_DOT = 4.5


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at t = 1..T, float (T,), drawn with `look`; `first`, where given, is the value at t = 0."""

    values: NDArray[np.float64] = field(repr=False)
    look: CurveLook = field(default_factory=CurveLook)
    label: str = ""
    first: float | None = None


class CurvePlot(QWidget):
    """The first curve is the live one, which the cursor reads; the others are there to compare with."""

    hovered = Signal(object)
    """The step under the pointer (0-based), None when it left."""

    def __init__(
        self,
        name: str,
        symbol: Term,
        parent: QWidget | None = None,
        *,
        reading: Callable[[float], str] | None = None,
        note_at_left: bool = False,
        ribbon: bool = False,
    ) -> None:
        """`symbol` names the quantity in the reading, which `reading` words; it stands where the curve is not."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 80)
        self._symbol = symbol
        self._reading = reading or _reading
        self._note_at_left = note_at_left
        self._ribbon = ribbon
        self._curves: tuple[Curve, ...] = ()
        self._shares: Shares | None = None
        self._low, self._high = 0.0, 1.0
        self._ticks: tuple[Tick, ...] = ()
        self._logarithmic = False
        self._cursor: int | None = None
        self._bin: int | None = None
        self._axes = axes_in((240, 170), 1.0, 0.0, 1.0)
        self._still: QPixmap | None = None
        self.note = ""
        """What the reading says, empty when there is none."""
        theme().changed.connect(self._retheme)

    @property
    def curves(self) -> tuple[Curve, ...]:
        return self._curves

    @property
    def shares(self) -> Shares | None:
        return self._shares

    @property
    def axes(self) -> Axes:
        """Where numbers lie on this surface."""
        return self._axes

    @property
    def cursor_step(self) -> int | None:
        """The step (0-based) the cursor stands on."""
        return self._cursor

    def set_scale(self, low: float, high: float, ticks: Sequence[float], *, logarithmic: bool = False) -> None:
        """What y shows, and where numbers stand along it."""
        self._low, self._high, self._logarithmic = low, high, logarithmic
        self._ticks = tuple(Tick(tick, number(tick)) for tick in ticks)
        self._measure()

    def set_curves(self, curves: Sequence[Curve], shares: Shares | None = None) -> None:
        """Draw these curves; those to compare with are painted anew only when they are other arrays than before."""
        curves = tuple(curves)
        before, after = (tuple(c.values for c in some[1:]) for some in (self._curves, curves))
        stays = len(before) == len(after) and all(a is b for a, b in zip(before, after, strict=True))
        resized = self._step_count() != (len(curves[0].values) if curves else 0)
        self._curves, self._shares = curves, shares
        if resized:
            self._measure()
        elif not stays:
            self._still = None
        self.update()

    def set_cursor_step(self, step: int | None) -> None:
        """Move the cursor to a step (0-based), or take it away."""
        if step != self._cursor:
            self._cursor = step
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 150)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if painter.paintEngine().type() == QPaintEngine.Type.SVG:
            self._paint_still(painter)
        else:
            ratio = self.devicePixelRatioF()
            if self._still is None or self._still.devicePixelRatio() != ratio:
                self._still = QPixmap(self.size() * ratio)
                self._still.setDevicePixelRatio(ratio)
                self._still.fill(theme().color("panel"))
                still = QPainter(self._still)
                self._paint_still(still)
                still.end()
            painter.drawPixmap(0, 0, self._still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.note = ""
        if self._shares is not None and self._ribbon:
            role = self._curves[0].look.role if self._curves else "d1"
            paint_shares(painter, self._axes, self._shares, role, self._bin)
        if self._curves:
            self._paint_curve(painter, self._curves[0])
        self._paint_live(painter)
        painter.end()

    def _paint_live(self, painter: QPainter) -> None:
        """What lies on the curve: here the shared cursor and its reading."""
        self._paint_cursor(painter)

    def _paint_still(self, painter: QPainter) -> None:
        axes, tokens = self._axes, theme()
        painter.fillRect(axes.frame, tokens.color("field"))
        if axes.ribbon:
            painter.fillRect(axes.ribbon_frame, tokens.color("field"))
        painter.setPen(QPen(tokens.color("border"), 1))
        across = self._step_ticks()
        painter.drawLines([crisp(axes.x(t.value), axes.top, axes.x(t.value), axes.top + axes.height) for t in across])
        heights = [(axes.y(tick.value), tick.label) for tick in self._ticks]
        painter.drawLines([crisp(axes.left, y, axes.left + axes.width, y) for y, _ in heights])
        if axes.ribbon:
            ribbon = axes.ribbon_frame
            painter.drawLines([crisp(ribbon.left(), y, ribbon.right(), y) for y, _ in heights])
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(tokens.color("muted"))
        for y, label in heights:
            place = QRectF(0, y - 8, axes.left - 6, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        self._paint_step_numbers(painter, across)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for curve in reversed(self._curves[1:]):
            self._paint_curve(painter, curve)
        self._paint_labels(painter)

    def _paint_step_numbers(self, painter: QPainter, ticks: Sequence[Tick]) -> None:
        axes, metrics = self._axes, QFontMetricsF(painter.font())
        taken = -math.inf
        for tick in ticks:
            width = metrics.horizontalAdvance(tick.label)
            right = axes.left + axes.width + (0 if axes.ribbon else 4)
            left = min(axes.x(tick.value) - width / 2, right - width)
            if left > taken + 6:
                painter.drawText(QPointF(left, axes.top + axes.height + 15), tick.label)
                taken = left + width

    def _paint_curve(self, painter: QPainter, curve: Curve) -> None:
        pen = curve.look.pen()
        # As wide in a file of twice the size as it is here.
        pen.setCosmetic(False)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for piece in self._pieces(curve):
            painter.drawPolyline(piece)

    def _pieces(self, curve: Curve) -> list[QPolygonF]:
        """The curve as lines: a point a pixel at most; what is no number is a gap."""
        count = len(curve.values)
        most = max(2, int(self._axes.width))
        steps = np.arange(count) if count <= most else np.unique(np.linspace(0, count - 1, most).astype(int))
        t, values = steps + 1.0, curve.values[steps]
        if curve.first is not None:
            t, values = np.concatenate(([0.0], t)), np.concatenate(([curve.first], values))
        known = np.isfinite(values) if not self._logarithmic else np.isfinite(values) & (values > 0)
        x, y = self._axes.x(t), self._axes.y(np.where(known, values, self._low))
        if known.all():
            return [QPolygonF([QPointF(*place) for place in zip(x.tolist(), y.tolist(), strict=True)])]
        pieces: list[list[QPointF]] = [[]]
        for place_x, place_y, is_known in zip(x.tolist(), y.tolist(), known.tolist(), strict=True):
            if is_known:
                pieces[-1].append(QPointF(place_x, place_y))
            elif pieces[-1]:
                pieces.append([])
        return [QPolygonF(piece) for piece in pieces if piece]

    def _paint_labels(self, painter: QPainter) -> None:
        """Each label beside its curve where it hides no other."""
        axes, taken = self._axes, []
        metrics = QFontMetricsF(ui_font(FontSize.RANGE))
        painter.setFont(ui_font(FontSize.RANGE))
        ground = theme().color("field")
        ground.setAlphaF(0.75)
        for curve in self._curves[1:]:
            size = metrics.size(0, curve.label)
            if not curve.label or size.width() + 12 > axes.width:
                continue
            for share in _LABEL_PLACES:
                step = min(len(curve.values) - 1, round(share * len(curve.values)))
                if not np.isfinite(curve.values[step]):
                    continue
                x, y = float(axes.x(step + 1.0)), float(axes.y(float(curve.values[step])))
                # Left of the curve: below a falling one, above a rising one.
                falls = curve.values[-1] < curve.values[0]
                top = y + 2 if falls else y - size.height() - 3
                place = QRectF(x - size.width() - 5, top, size.width(), size.height())
                if axes.frame.contains(place) and not any(place.intersects(other) for other in taken):
                    taken.append(place)
                    painter.fillRect(place, ground)
                    painter.setPen(theme().color(curve.look.role))
                    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, curve.label)
                    break

    def _paint_cursor(self, painter: QPainter) -> None:
        step = self._cursor
        if self._bin is not None and self._shares is not None:
            self._paint_note(painter, [Term(self._shares.words(self._bin), size=FontSize.LABEL, words=True)])
            return
        if step is None or step >= self._step_count() or not np.isfinite(self._curves[0].values[step]):
            return
        value = float(self._curves[0].values[step])
        place = QPointF(self._axes.x(step + 1.0), self._axes.y(value))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(theme().color("border_strong"), 1))
        painter.drawLine(crisp(place.x(), self._axes.top, place.x(), self._axes.top + self._axes.height))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(self._curves[0].look.role))
        painter.drawEllipse(place, _DOT, _DOT)
        self._paint_note(painter, self._terms(step + 1.0, value))

    def _terms(self, t: float, value: float) -> list[Term]:
        small = FontSize.LABEL
        step = number(round(t)) if abs(t - round(t)) < 1e-6 else format_number(t, 1)
        return [
            Term("t", size=small),
            Term(f" {step}   ", size=small, words=True),
            Term(self._symbol.text, size=small, words=self._symbol.words),
            Term(f" {self._reading(value)}", size=small, words=True),
        ]

    def _paint_note(self, painter: QPainter, terms: Sequence[Term], beside: QPointF | None = None) -> None:
        paint_note(painter, self._axes, self.size(), terms, beside, at_left=self._note_at_left)
        self.note = plain_text(terms)

    # The pointer, and what changes around

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self._set_bin(None)
        self.hovered.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._measure()

    def _point(self, place: QPointF) -> None:
        ribbon = self._axes.ribbon_frame
        if self._shares is not None and self._axes.ribbon and ribbon.contains(place):
            self._set_bin(self._shares.bin_of(self._axes.value_at(place.y())))
            self.hovered.emit(None)
            return
        self._set_bin(None)
        count = self._step_count()
        if count:
            self.hovered.emit(int(np.clip(round(self._axes.t_at(place.x())) - 1, 0, count - 1)))

    def _set_bin(self, index: int | None) -> None:
        if index != self._bin:
            self._bin = index
            self.update()

    def _measure(self) -> None:
        self._axes = axes_in(
            (self.width(), self.height()),
            float(self._step_count()),
            self._low,
            self._high,
            logarithmic=self._logarithmic,
            ribbon=self._ribbon,
        )
        self._still = None
        self.update()

    def _step_count(self) -> int:
        return len(self._curves[0].values) if self._curves else 0

    def _step_ticks(self) -> tuple[Tick, ...]:
        """The two ends and the middle: 0, T/2, T."""
        count = self._step_count()
        if count < 4:
            return ()
        return (Tick(0, "0"), Tick(count / 2, number(count // 2)), Tick(count, number(count)))

    @Slot()
    def _retheme(self) -> None:
        self._still = None
        self.update()


def _reading(value: float) -> str:
    text = f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("-", "−")
