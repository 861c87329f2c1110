"""What is painted over the plane: the probe with its arrows and their names, and the card under the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from studio.app.imaging import fitted_size
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.labels import format_number
from studio.app.widgets.math_text import MathLine, Term
from studio.app.widgets.plane_drawing import ProbeArrows
from studio.app.widgets.plane_ground import paint_framed
from studio.app.widgets.plane_view import PlaneView

PROBE_RADIUS = 10.0
NOISE_SHARE = 0.25
"""ε̂ is drawn at this share of its length: it is as long as √2 on average, which would leave the canvas at once."""

_EDGE = 8.0
_LABEL_PADDING = (6.0, 3.0)
_CARD_SIDE, _CARD_GAP = 64.0, 14.0
_HEAD = 9.0
_SHORTEST = 3.0
_PARTS = 12


def paint_probe(painter: QPainter, view: PlaneView, probe: ProbeArrows, note: str = "") -> None:
    """The point, ε̂, what is taken off, the way to x̂₀, and the names of the three where there is room for them."""
    z = np.array(probe.z)
    here = view.place(probe.z)
    noise = view.place(z + NOISE_SHARE * np.array(probe.eps))
    carved = view.place(z + np.array(probe.subtracted))
    picture = view.place(probe.x0)
    colors = theme()
    _dashed_arrow(painter, here, picture, colors.color("d3"))
    _arrow(painter, here, noise, colors.color("d2"))
    _arrow(painter, here, carved, colors.color("text"))
    painter.setPen(QPen(colors.color("accent"), 1.6))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(here, PROBE_RADIUS, PROBE_RADIUS)
    painter.setPen(QPen(colors.color("canvas"), 1.2))
    painter.setBrush(colors.color("accent"))
    painter.drawEllipse(here, 5.5, 5.5)
    # What a name must not lie on: the probe, and some places along each arrow.
    taken = [QRectF(here.x() - 12, here.y() - 12, 24, 24)]
    if note:
        taken.append(_note_box(view, note))
    for tip in (noise, carved, picture):
        taken += [
            QRectF(0, 0, 6, 6).translated(here + (tip - here) * (part / _PARTS) - QPointF(3, 3))
            for part in range(1, _PARTS + 1)
        ]
    for terms, tip in (
        (_name("ε̂", "d2", "predicted noise, ¼ of its length", "d2"), noise),
        (_name("x̂_0", "d3", "so, the picture", "d3"), picture),
        (_name("−cε̂", "text", "taken off", "text"), carved),
    ):
        _paint_label(painter, view, terms, here, tip, taken)


def _name(symbol: str, role: str, words: str, words_role: str) -> tuple[Term, ...]:
    return Term(symbol, role, FontSize.TEXT), Term(words, words_role, FontSize.LABEL, words=True)


def _arrow(painter: QPainter, start: QPointF, end: QPointF, color: QColor) -> None:
    length = QLineF(start, end).length()
    if length < _SHORTEST:
        return
    pen = QPen(color, 2.4)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    head = min(_HEAD, 0.6 * length)
    painter.drawLine(QLineF(start, end + (start - end) * (0.7 * head / length)))
    _head(painter, start, end, head, color)


def _dashed_arrow(painter: QPainter, start: QPointF, end: QPointF, color: QColor) -> None:
    length = QLineF(start, end).length()
    if length < _SHORTEST:
        return
    pen = QPen(color, 1.6)
    pen.setDashPattern([3.5, 2.5])
    painter.setPen(pen)
    painter.drawLine(QLineF(start, end))
    _head(painter, start, end, min(7.0, 0.6 * length), color)


def _head(painter: QPainter, start: QPointF, end: QPointF, size: float, color: QColor) -> None:
    way = (end - start) / QLineF(start, end).length()
    across = QPointF(-way.y(), way.x())
    base = end - way * size
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPolygon(QPolygonF([end, base + across * (0.48 * size), base - across * (0.48 * size)]))


def _paint_label(
    painter: QPainter, view: PlaneView, terms: Sequence[Term], here: QPointF, tip: QPointF, taken: list[QRectF]
) -> None:
    line = MathLine(terms, spacing=6.0)
    across, up = _LABEL_PADDING
    width, height = line.width + 2 * across, line.height + 2 * up
    canvas = QRectF(_EDGE, _EDGE, view.width - 2 * _EDGE, view.height - 2 * _EDGE)
    # A tip beyond the edge is named where its arrow leaves.
    tip = QPointF(
        min(max(tip.x(), canvas.left()), canvas.right()),
        min(max(tip.y(), canvas.top()), canvas.bottom()),
    )
    angle = math.atan2(tip.y() - here.y(), tip.x() - here.x())
    edges = np.array([(other.left(), other.top(), other.right(), other.bottom()) for other in taken]).reshape(-1, 4)
    best: tuple[float, QRectF] | None = None
    for number in range(12):
        turn = angle + (number + 1) // 2 * (math.pi / 6) * (1 if number % 2 else -1)
        direction = QPointF(math.cos(turn), math.sin(turn))
        middle = tip + QPointF(direction.x() * (width / 2 + 8), direction.y() * (height / 2 + 8))
        box = QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)
        box = _moved_inside(box, canvas)
        cost = _overlap(box, edges) + 0.01 * number
        if best is None or cost < best[0]:
            best = (cost, box)
    assert best is not None
    box = best[1]
    taken.append(box)
    painter.setPen(QPen(theme().color("border"), 1))
    painter.setBrush(theme().color("field"))
    painter.drawRoundedRect(box, 2, 2)
    line.paint(painter, box.left() + across, box.top() + up + line.ascent)


def _overlap(box: QRectF, edges: NDArray[np.float64]) -> float:
    """How much of the others, (N, 4) of left, top, right and bottom, lies under the box and two pixels around it."""
    across = np.minimum(box.right() + 2, edges[:, 2]) - np.maximum(box.left() - 2, edges[:, 0])
    down = np.minimum(box.bottom() + 2, edges[:, 3]) - np.maximum(box.top() - 2, edges[:, 1])
    return float((across.clip(0) * down.clip(0)).sum())


def _moved_inside(box: QRectF, canvas: QRectF) -> QRectF:
    box = QRectF(box)
    box.moveLeft(min(max(box.left(), canvas.left()), max(canvas.right() - box.width(), canvas.left())))
    box.moveTop(min(max(box.top(), canvas.top()), max(canvas.bottom() - box.height(), canvas.top())))
    return box


def paint_cross(painter: QPainter, place: QPointF) -> None:
    """Where the cursor is, to the pixel: a cross that shows on every ground."""
    for color, width in ((theme().color("canvas"), 3.0), (theme().color("text"), 1.2)):
        painter.setPen(QPen(color, width))
        painter.drawLine(QLineF(place.x() - 7, place.y(), place.x() + 7, place.y()))
        painter.drawLine(QLineF(place.x(), place.y() - 7, place.x(), place.y() + 7))


def paint_brush(painter: QPainter, place: QPointF, radius: float, erasing: bool) -> None:
    """How far a dab or the eraser reaches."""
    for color, width in ((theme().color("canvas"), 3.0), (theme().color("text" if erasing else "d3"), 1.4)):
        pen = QPen(color, width)
        if erasing and width < 2:
            pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(place, radius, radius)


def paint_card(
    painter: QPainter, view: PlaneView, place: QPointF, point: tuple[float, float], values: NDArray[np.floating]
) -> None:
    """The picture under the cursor on a small raised ground beside it, and the two coordinates."""
    height, width = values.shape[:2]
    across, up = fitted_size(width, height, _CARD_SIDE, _CARD_SIDE)
    font = ui_font(FontSize.RANGE)
    painter.setFont(font)
    text_height = painter.fontMetrics().height()
    texts = [format_number(value) for value in point]
    words = sum(painter.fontMetrics().horizontalAdvance(text) for text in texts) + Space.S
    inner = max(across, words)
    card = QRectF(0, 0, inner + 2 * Space.S, up + text_height + 2 * Space.S + 3)
    card.moveTopLeft(place + QPointF(_CARD_GAP, _CARD_GAP))
    if card.right() > view.width - _EDGE:
        card.moveRight(place.x() - _CARD_GAP)
    if card.bottom() > view.height - _EDGE:
        card.moveBottom(place.y() - _CARD_GAP)
    painter.setPen(QPen(theme().color("border_strong"), 1))
    painter.setBrush(theme().color("raised"))
    painter.drawRoundedRect(card, 3, 3)
    target = QRectF(round(card.center().x() - across / 2), round(card.top() + Space.S), across, up)
    paint_framed(painter, target, values)
    painter.setPen(theme().color("text"))
    below = QRectF(card.left() + Space.S, target.bottom() + 3, inner, text_height)
    painter.drawText(QRectF(below.left(), below.top(), inner / 2, below.height()), _CENTER, texts[0])
    painter.drawText(QRectF(below.center().x(), below.top(), inner / 2, below.height()), _CENTER, texts[1])


def paint_note(painter: QPainter, view: PlaneView, words: str) -> None:
    """A short sentence in the upper right corner."""
    box = _note_box(view, words)
    painter.setFont(ui_font(FontSize.LABEL))
    painter.setPen(QPen(theme().color("border"), 1))
    painter.setBrush(theme().color("field"))
    painter.drawRoundedRect(box, 2, 2)
    painter.setPen(theme().color("text"))
    painter.drawText(box, _CENTER, words)


def _note_box(view: PlaneView, words: str) -> QRectF:
    metrics = QFontMetricsF(ui_font(FontSize.LABEL))
    width, height = metrics.horizontalAdvance(words) + 16, metrics.height() + 8
    return QRectF(view.width - _EDGE - width, _EDGE, width, height)


_CENTER = int(Qt.AlignmentFlag.AlignCenter)
