"""The signs between tiles that are an equation in pictures."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter


def paint_operator(painter: QPainter, area: QRectF, operator: str, arm: float = 7.0) -> None:
    """ "arrow", "double arrow", "plus" or "equals" in an area, with the painter's pen; arm: of the plus, its half."""
    left, right, middle, x = area.left(), area.right(), area.center().y(), area.center().x()

    def line(x1: float, y1: float, x2: float, y2: float) -> None:
        painter.drawLine(round(x1 * 2) / 2, round(y1 * 2) / 2, round(x2 * 2) / 2, round(y2 * 2) / 2)

    if operator == "arrow":
        line(left, middle, right, middle)
        line(right - 4, middle - 4, right, middle)
        line(right - 4, middle + 4, right, middle)
    elif operator == "double arrow":
        line(left, middle - 2.5, right - 3, middle - 2.5)
        line(left, middle + 2.5, right - 3, middle + 2.5)
        line(right - 6, middle - 6, right, middle)
        line(right - 6, middle + 6, right, middle)
    elif operator == "plus":
        line(x - arm, middle, x + arm, middle)
        line(x, middle - arm, x, middle + arm)
    else:
        line(x - arm, middle - 3, x + arm, middle - 3)
        line(x - arm, middle + 3, x + arm, middle + 3)
