"""One cell of a grid of pictures: what it shows, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from studio.app.icons import paint_icon
from studio.app.imaging import fitted_size, paint_picture
from studio.app.theme import FontSize, theme, ui_font


@dataclass(frozen=True, eq=False)
class Cell:
    """What a cell shows.

    boxes: outlined, in shares of the picture. faded: it is left out of the set. badge: a few letters in the corner.
    broken: it cannot be read.
    """

    image: QImage | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    faded: bool = False
    badge: str = ""
    broken: bool = False


def paint_cell(painter: QPainter, cell: Cell, left: int, top: int, side: int, ratio: float) -> None:
    """Paint a cell of so many pixels at a place; `ratio` is the device's pixels per pixel."""
    if cell.image is not None:
        _paint_picture(painter, cell, cell.image, left, top, side, ratio)
    else:
        painter.fillRect(left, top, side, side, theme().color("panel"))
        if cell.broken:
            middle = QRectF(left + side / 2 - 8, top + side / 2 - 8, 16, 16)
            paint_icon(painter, middle, "error", theme().tokens.error)
    if cell.badge:
        _paint_badge(painter, cell.badge, left, top, side)


def _paint_picture(painter: QPainter, cell: Cell, image: QImage, left: int, top: int, side: int, ratio: float) -> None:
    room = round(side * ratio)
    width, height = image.width(), image.height()
    if width > room or height > room:
        scale = min(room / width, room / height)
        shown = max(1, round(width * scale)), max(1, round(height * scale))
    else:
        shown = fitted_size(width, height, room, room)
    target = QRectF(
        left + (room - shown[0]) // 2 / ratio, top + (room - shown[1]) // 2 / ratio, shown[0] / ratio, shown[1] / ratio
    )
    if cell.faded:
        painter.setOpacity(0.28)
    if image.hasAlphaChannel() or shown[0] < width:
        paint_picture(painter, target, image)
    else:
        painter.drawImage(target, image)
    if cell.faded:
        painter.setOpacity(1.0)
        _paint_cross(painter, target)
    for box in cell.boxes:
        _paint_box(painter, target, box)


def _paint_box(painter: QPainter, target: QRectF, box: tuple[float, float, float, float]) -> None:
    x, y, width, height = box
    area = QRectF(
        target.left() + x * target.width(),
        target.top() + y * target.height(),
        width * target.width(),
        height * target.height(),
    ).adjusted(0.5, 0.5, -0.5, -0.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor("#000000"), 3))
    painter.drawRect(area)
    painter.setPen(QPen(QColor("#FFFFFF"), 1))
    painter.drawRect(area)


def _paint_cross(painter: QPainter, target: QRectF) -> None:
    """Struck out, so that it does not rest on paleness alone."""
    painter.setPen(QPen(theme().color("error"), 1.4))
    painter.drawLine(QPointF(target.left(), target.bottom()), QPointF(target.right(), target.top()))


def _paint_badge(painter: QPainter, words: str, left: int, top: int, side: int) -> None:
    painter.setFont(ui_font(FontSize.RANGE, 600))
    width = painter.fontMetrics().horizontalAdvance(words) + 6
    area = QRectF(left + side - width - 2, top + side - 16, width, 14)
    painter.fillRect(area, QColor("#000000"))
    painter.setPen(QColor("#FFFFFF"))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)
