"""What the plots share: scales, round numbers on them, and the painting of frame, grid and curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from studio.app.theme import FontSize, theme, ui_font


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what is written there."""

    value: float
    label: str


@dataclass(frozen=True)
class Scale:
    """Maps values between `low` and `high` to 0..1, linearly or by their logarithm (values must be positive then)."""

    low: float
    high: float
    logarithmic: bool = False

    def place(self, values: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Where values lie: 0 at `low`, 1 at `high`; beyond them outside 0..1."""
        values = np.asarray(values, dtype=np.float64)
        if not self.logarithmic:
            return (values - self.low) / (self.high - self.low)
        low, high = math.log(self.low), math.log(self.high)
        return (np.log(np.maximum(values, self.low * 1e-3)) - low) / (high - low)

    def value_at(self, place: float) -> float:
        """The value that lies at a place 0..1."""
        if not self.logarithmic:
            return self.low + place * (self.high - self.low)
        return math.exp(math.log(self.low) + place * (math.log(self.high) - math.log(self.low)))


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """A short number with a true minus sign: 0.05, 30, −40, 1,000; small powers of ten as 10⁻⁴."""
    if 0 < value < 1e-3 and math.isclose(math.log10(value), round(math.log10(value))):
        return "10⁻" + str(-round(math.log10(value))).translate(_SUPERSCRIPTS)
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.3g}"
    return text.replace("-", "−")


def linear_ticks(low: float, high: float, most: int = 5) -> tuple[Tick, ...]:
    """Round values between `low` and `high`, at most about `most`."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return ()
    rough = (high - low) / max(1, most - 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(Tick(i * step, number(round(i * step, 12))) for i in range(first, last + 1))


def logarithmic_ticks(low: float, high: float, most: int = 6) -> tuple[Tick, ...]:
    """Round values of each decade between `low` and `high`: as many as fit, only the decades when they are many."""
    if not (0 < low < high):
        return ()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values: list[float] = []
    for parts in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        values = [p * 10.0**d for d in decades for p in parts if low * 0.999 <= p * 10.0**d <= high * 1.001]
        if len(values) <= most:
            break
    if len(values) < 2:
        return tuple(tick for tick in linear_ticks(low, high, 4) if tick.value > 0)
    stride = max(1, -(-len(values) // most))
    return tuple(Tick(value, number(float(f"{value:.6g}"))) for value in values[::stride])


def minute_ticks(high: float, most: int = 5) -> tuple[Tick, ...]:
    """Round times from 0 to `high` minutes: seconds when short, hours when long."""
    steps = (1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 10080)
    step = next((s for s in steps if high / s <= most), high or 1.0)
    return tuple(Tick(i * step, _minutes(i * step)) for i in range(math.floor(high / step + 1e-9) + 1))


def _minutes(minutes: float) -> str:
    if minutes == 0:
        return "0"
    if minutes < 0.99:
        return f"{round(minutes * 60)} s"
    if minutes >= 60:
        return f"{minutes / 60:g} h"
    return f"{minutes:g} min"


def paint_frame(
    painter: QPainter, frame: QRectF, x: Scale, y: Scale, x_ticks: Sequence[Tick], y_ticks: Sequence[Tick]
) -> None:
    """The ground of a plot with its grid, numbers left of it and below."""
    tokens = theme()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.fillRect(frame, tokens.color("field"))
    painter.setFont(ui_font(FontSize.RANGE))
    metrics = painter.fontMetrics()
    grid = QPen(tokens.color("border"), 1)
    words = tokens.color("muted")
    for tick in y_ticks:
        level = round(frame.bottom() - float(y.place(tick.value)) * frame.height())
        painter.setPen(grid)
        painter.drawLine(QPointF(frame.left(), level), QPointF(frame.right(), level))
        painter.setPen(words)
        place = QRectF(frame.left() - 60, level - 9, 54, 18)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, tick.label)
    taken = -math.inf
    for tick in x_ticks:
        at = round(frame.left() + float(x.place(tick.value)) * frame.width())
        painter.setPen(grid)
        painter.drawLine(QPointF(at, frame.top()), QPointF(at, frame.bottom()))
        width = metrics.horizontalAdvance(tick.label)
        # The last number ends with the frame instead of sticking out of the panel.
        left = min(max(at - width / 2, frame.left() - 12), frame.right() - width + 6)
        if left > taken:
            painter.setPen(words)
            painter.drawText(QPointF(left, frame.bottom() + metrics.ascent() + 5), tick.label)
            taken = left + width + 8


def polyline(
    frame: QRectF, x: Scale, y: Scale, values_x: NDArray[np.float64], values_y: NDArray[np.float64]
) -> QPolygonF:
    """A curve in widget coordinates. Values outside the frame are bent to just outside it; all must be finite."""
    places_x = frame.left() + x.place(values_x) * frame.width()
    places_y = frame.bottom() - np.clip(y.place(values_y), -0.02, 1.02) * frame.height()
    return QPolygonF([QPointF(a, b) for a, b in zip(places_x.tolist(), places_y.tolist(), strict=True)])
