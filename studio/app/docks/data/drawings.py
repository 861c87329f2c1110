"""The little pictures on the page's choices: what each way of fitting does, what lies beneath."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from studio.app.theme import theme
from studio.data.preparation import Fit, Ground

_PICTURE = "#7E8C99"
_HILL = "#4A5661"
_SUN = "#F2F4F6"
_LEVELS = {Ground.WHITE: "#FFFFFF", Ground.BLACK: "#000000", Ground.GREY: "#808080"}


def fit_drawing(fit: Fit) -> Callable[[QPainter, QRectF], None]:
    """A landscape picture that comes into a square place in this way."""

    def draw(painter: QPainter, area: QRectF) -> None:
        side = area.height() - 6
        place = QRectF(area.center().x() - side / 2, area.center().y() - side / 2, side, side)
        painter.fillRect(place, theme().color("field"))
        if fit is Fit.FILL:
            picture = QRectF(0, 0, side * 1.6, side)
        elif fit is Fit.FIT:
            picture = QRectF(0, 0, side, round(side / 1.6))
        elif fit is Fit.PAD:
            picture = QRectF(0, 0, round(side * 0.62), round(side * 0.4))
        else:
            picture = QRectF(0, 0, side * 1.6, side * 1.25)
        picture.moveCenter(place.center())
        if fit is not Fit.TILE:
            painter.save()
            painter.setOpacity(0.35)
            _landscape(painter, picture)
            painter.setOpacity(1.0)
            painter.setClipRect(place)
            _landscape(painter, picture)
            painter.restore()
            _frame(painter, place)
            return
        _landscape(painter, picture)
        third = picture.width() / 3
        for column in range(3):
            for row in range(2):
                half = picture.height() / 2
                _frame(painter, QRectF(picture.left() + column * third, picture.top() + row * half, third, half))

    return draw


def ground_drawing(ground: Ground) -> Callable[[QPainter, QRectF], None]:
    """A swatch of what lies beneath."""

    def draw(painter: QPainter, area: QRectF) -> None:
        swatch = area.adjusted(0, 0, -1, -1)
        if ground is Ground.EDGE:
            stripe = swatch.width() / 8
            for number in range(8):
                color = QColor(_HILL if number < 2 else _PICTURE if number < 6 else "#A9B4BE")
                painter.fillRect(
                    QRectF(swatch.left() + number * stripe, swatch.top(), stripe + 1, swatch.height()), color
                )
        else:
            painter.fillRect(swatch, QColor(_LEVELS[ground]))
        painter.setPen(QPen(theme().color("border_strong"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(swatch)

    return draw


def _landscape(painter: QPainter, area: QRectF) -> None:
    painter.save()
    painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
    painter.fillRect(area, QColor(_PICTURE))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(_SUN))
    radius = area.height() * 0.14
    painter.drawEllipse(QPointF(area.left() + area.width() * 0.3, area.top() + area.height() * 0.3), radius, radius)
    painter.setBrush(QColor(_HILL))
    painter.drawEllipse(
        QPointF(area.center().x() + area.width() * 0.16, area.bottom() + area.height() * 0.08),
        area.width() * 0.42,
        area.height() * 0.55,
    )
    painter.restore()


def _frame(painter: QPainter, area: QRectF) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme().color("text"), 1))
    painter.drawRect(area.adjusted(0, 0, -1, -1))
