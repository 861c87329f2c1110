"""The small raised label that reads a curve: beside a handle, or in a corner where the curve is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QPainter, QPen

from studio.app.theme import theme
from studio.app.widgets.curve_editor_axes import Axes
from studio.app.widgets.math_text import MathLine, Term

_HEIGHT, _PADDING, _GAP = 22, 6, 4
_BESIDE, _OVER = 14, 12


def paint_note(
    painter: QPainter, axes: Axes, size: QSize, terms: Sequence[Term], beside: QPointF | None, *, at_left: bool
) -> None:
    """Paint `terms` on a surface of `size`: right of the place `beside`, or over or under it; None: in a corner."""
    line, frame, tokens = MathLine(terms), axes.frame, theme()
    width = math.ceil(line.width) + 2 * _PADDING
    if beside is None:
        left = frame.left() + _GAP if at_left else frame.right() - _GAP - width
        top = frame.top() + _GAP
    else:
        left, top = beside.x() + _BESIDE, beside.y() - _HEIGHT / 2
        if left + width > size.width() - 1:
            left, top = beside.x() - width / 2, beside.y() - _HEIGHT - _OVER
            if top < 0:
                top = beside.y() + _OVER
        top = min(max(top, 0.0), size.height() - _HEIGHT - 1.0)
    left = max(min(left, size.width() - 1.0 - width), 0.0)
    place = QRectF(round(left) + 0.5, round(top) + 0.5, width, _HEIGHT)
    painter.setPen(QPen(tokens.color("border"), 1))
    painter.setBrush(tokens.color("raised"))
    painter.drawRoundedRect(place, 2, 2)
    baseline = place.top() + (_HEIGHT + line.ascent - line.descent) / 2
    line.paint(painter, place.left() + _PADDING, baseline)
