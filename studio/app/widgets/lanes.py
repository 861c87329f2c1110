"""Lanes: small curves over the same moments as the film strip, one quantity each, drawn low and wide."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPen

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.film_strip import Axis
from studio.app.widgets.math_text import MathLine, Term

_MOST_POINTS = 360
"""Curves here are smooth and a lane is some thousand pixels wide; more points would only cost time."""

_LARGEST_WRITTEN_OUT = 9999.5
_INSET, _LEAST_INSET = 5, 3
_ROOMY = 30
_THUMBNAIL_LANES = 2
_BOTTOM_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
_DASHES: dict[str, Qt.PenStyle] = {
    "solid": Qt.PenStyle.SolidLine,
    "dash": Qt.PenStyle.DashLine,
    "dot": Qt.PenStyle.DotLine,
}


@dataclass(frozen=True)
class Curve:
    """`values[i]` belongs to position i; `role` is a theme token, `dash` "solid", "dash" or "dot"."""

    values: np.ndarray
    role: str
    dash: str = "solid"


@dataclass(frozen=True)
class Lane:
    """A quantity (or some of one kind): its name, its curves on one scale low..high, and how values are written.

    note: words in the place of curves that are not known. thumbnail: of a position a picture that goes with its value.
    """

    name: tuple[Term, ...]
    curves: tuple[Curve, ...]
    low: float
    high: float
    low_text: str
    high_text: str
    decimals: int = 2
    suffix: str = ""
    signed: bool = False
    note: str = ""
    thumbnail: Callable[[int], QImage | None] | None = field(default=None, compare=False)
    tooltip: str = field(default="", compare=False)

    def value_terms(self, position: int) -> tuple[Term, ...]:
        """The values at a position, each in its curve's colour."""
        terms = []
        for curve in self.curves:
            if position < len(curve.values) and np.isfinite(curve.values[position]):
                text = _written(float(curve.values[position]), self.decimals, self.signed) + self.suffix
                role = "text" if len(self.curves) == 1 else curve.role
                terms.append(Term(text, role, FontSize.LABEL, words=True))
        return tuple(terms)


def _written(value: float, decimals: int, signed: bool) -> str:
    """A number in at most six characters or so: the larger it is, the fewer decimals say anything."""
    sign = "+" if signed else ""
    size = abs(value)
    if size >= _LARGEST_WRITTEN_OUT:
        text = f"{value:{sign}.0e}".replace("e+0", "e").replace("e+", "e")
    else:
        text = f"{value:{sign}.{max(0, decimals - (size >= 10) - (size >= 100))}f}"
    return text.replace("-", "−")


class LanePainter:
    """Paints one lane into `area` along an axis."""

    def __init__(self, lane: Lane, axis: Axis, area: QRectF) -> None:
        self._lane = lane
        self._axis = axis
        self._area = area

    def paint_still(self, painter: QPainter) -> None:
        tokens = theme().tokens
        painter.fillRect(self._area, tokens.color("field"))
        middle = round(self._area.center().y()) + 0.5
        painter.setPen(QPen(tokens.color("border"), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QLineF(self._area.left() + 4, middle, self._area.right() - 4, middle))
        if not self._lane.note:
            self._paint_range(painter)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(self._area)
        for curve in self._lane.curves:
            self._paint_curve(painter, curve)
        painter.restore()
        if self._lane.note:
            painter.setFont(ui_font(FontSize.LABEL))
            painter.setPen(tokens.color("muted"))
            painter.drawText(self._area, Qt.AlignmentFlag.AlignCenter, self._lane.note)

    def paint_name(self, painter: QPainter, left: float) -> None:
        line = MathLine(self._lane.name, 3)
        line.paint(painter, left, self._text_baseline(line))

    def paint_values(self, painter: QPainter, position: int, left: float, right: float) -> None:
        """The values at a position from `left` on, and at `right` the picture that goes with them."""
        line = MathLine(self._lane.value_terms(position), 5)
        line.paint(painter, left, self._text_baseline(line))
        image = self._lane.thumbnail(position) if self._lane.thumbnail is not None else None
        if image is not None:
            # A lane is lower than most pictures: they reach up beside the value above.
            side = _THUMBNAIL_LANES * self._area.height()
            space = QRectF(right - side, self._area.bottom() - side, side, side)
            ratio = painter.device().devicePixelRatioF()
            paint_picture(painter, fitted_rect(image.size(), space, ratio, _BOTTOM_RIGHT), image)

    def paint_dots(self, painter: QPainter, position: int) -> None:
        tokens = theme().tokens
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for curve in self._lane.curves:
            if position < len(curve.values) and np.isfinite(curve.values[position]):
                painter.setPen(QPen(tokens.color("field"), 1.5))
                painter.setBrush(tokens.color(curve.role))
                point = QPointF(self._axis.x(position), self._y(float(curve.values[position])))
                painter.drawEllipse(point, 4.2, 4.2)

    def _text_baseline(self, line: MathLine) -> float:
        return self._area.center().y() + (line.ascent - line.descent) / 2

    def _paint_range(self, painter: QPainter) -> None:
        painter.setFont(ui_font(FontSize.RANGE if self._area.height() >= _ROOMY else FontSize.RANGE - 2))
        painter.setPen(theme().color("muted"))
        metrics = QFontMetricsF(painter.font())
        for text, baseline in (
            (self._lane.high_text, self._area.top() + 1 + metrics.ascent()),
            (self._lane.low_text, self._area.bottom() - metrics.descent()),
        ):
            painter.drawText(QPointF(self._area.right() - 5 - metrics.horizontalAdvance(text), baseline), text)

    def _paint_curve(self, painter: QPainter, curve: Curve) -> None:
        count = len(curve.values)
        if not count:
            return
        chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).round().astype(int))
        points = [
            QPointF(self._axis.x(int(i)), self._y(float(curve.values[i])))
            for i in chosen
            if np.isfinite(curve.values[i])
        ]
        color = theme().color(curve.role)
        if len(points) < 2:
            return
        pen = QPen(color, 2, _DASHES[curve.dash], Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin)
        if curve.dash == "solid":
            # Separate segments with round caps draw several times faster than one thick polyline.
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawLines([QLineF(a, b) for a, b in itertools.pairwise(points)])
        else:
            painter.setPen(pen)
            painter.drawPolyline(points)

    def _y(self, value: float) -> float:
        span = self._lane.high - self._lane.low
        share = (value - self._lane.low) / span if span > 0 else 0.5
        share = max(0.0, min(share, 1.0))
        inset = _INSET if self._area.height() >= _ROOMY else _LEAST_INSET
        return self._area.bottom() - inset - share * (self._area.height() - 2 * inset)
