"""The film strip of a timeline: where moments lie from left to right, and their pictures with their times below."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from studio.app.imaging import fitted_size, paint_picture
from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.math_text import Term

STRIP_HEIGHT = 56
TICK_HEIGHT = 18
_GAP, _LEAST_GAP = 8, 3


@dataclass(frozen=True)
class Film:
    """What a strip shows: `count` of `planned` moments are there, each with a time and a thumbnail.

    `times` holds all `planned` times. `thumbnail(position)` gives a picture of `picture_size` (width, height), one
    pixel a value; it is asked only for the moments that are drawn.
    """

    planned: int
    count: int
    times: Sequence[int]
    thumbnail: Callable[[int], QImage]
    picture_size: tuple[int, int]
    name: tuple[Term, ...] = ()


class Axis:
    """Maps positions 0..planned-1 to x, so that first and last thumbnail lie wholly inside left..right.

    Thumbnails stand in evenly spaced slots. Where not every position has its own, a slot shows the position nearest to
    it: `shown[slot]`, which is `slot_x(slot)` from the left and at most half a step from its true place, `x`.
    """

    def __init__(self, left: float, right: float, planned: int, thumbnail_width: float) -> None:
        self.planned = max(planned, 1)
        width = max(right - left, 1.0)
        self.all_fit = self.planned * (thumbnail_width + _LEAST_GAP) <= width
        if self.all_fit:
            pitch = width / self.planned
            self.first, self.last = left + pitch / 2, right - pitch / 2
            self.shown = tuple(range(self.planned))
        else:
            self.first, self.last = left + thumbnail_width / 2, right - thumbnail_width / 2
            slots = max(2, min(int((width + _GAP) // (thumbnail_width + _GAP)), self.planned))
            self.shown = tuple(round(slot * (self.planned - 1) / (slots - 1)) for slot in range(slots))

    def x(self, position: float) -> float:
        """The true place of a position."""
        return self._between(position, self.planned)

    def slot_x(self, slot: int) -> float:
        """The middle of a slot."""
        return self._between(slot, len(self.shown))

    def slot(self, position: int) -> int:
        """The slot nearest to a position."""
        if self.planned == 1:
            return 0
        return round(position * (len(self.shown) - 1) / (self.planned - 1))

    def position(self, x: float) -> int:
        """The position nearest to x."""
        if self.planned == 1 or self.last <= self.first:
            return 0
        share = (x - self.first) / (self.last - self.first)
        return max(0, min(round(share * (self.planned - 1)), self.planned - 1))

    def _between(self, index: float, count: int) -> float:
        return self.first if count == 1 else self.first + (self.last - self.first) * index / (count - 1)


def thumbnail_size(
    picture_size: tuple[int, int], ratio: float = 1.0, height: float = STRIP_HEIGHT, widest: float = 96
) -> tuple[float, float]:
    """(width, height) on a screen of `ratio` device pixels: the largest whole multiple, or fraction, that fits."""
    width, picture_height = picture_size
    fitted = fitted_size(width, picture_height, widest * ratio, height * ratio)
    return fitted[0] / ratio, fitted[1] / ratio


class FilmStripPainter:
    """Paints the thumbnails of a film along an axis, and the one under the playhead."""

    def __init__(self, film: Film, axis: Axis, top: float, ratio: float = 1.0) -> None:
        self._film = film
        self._axis = axis
        self._top = top
        self._size = thumbnail_size(film.picture_size, ratio)

    def paint_still(self, painter: QPainter) -> None:
        """All that does not move with the playhead."""
        tokens = theme().tokens
        for slot, position in enumerate(self._axis.shown):
            target = self._target(slot)
            if position < self._film.count:
                self._paint_thumbnail(painter, target, position)
            else:
                painter.fillRect(target, tokens.color("canvas"))

    def paint_ticks(self, painter: QPainter) -> None:
        """The times of the slots, where they do not touch each other. They do not move with the playhead."""
        tokens = theme().tokens
        font = ui_font(FontSize.RANGE)
        end = -math.inf
        for slot, position in enumerate(self._axis.shown):
            left, right = self._tick_reach(self._axis.slot_x(slot), position, font, 3)
            if left < end:
                continue
            end = right
            color = tokens.color("muted" if position < self._film.count else "disabled")
            self._paint_tick(painter, self._axis.slot_x(slot), position, font, color)

    def paint_current_tick(self, painter: QPainter, current: int) -> None:
        """The time under the playhead; those that it would touch make way for it."""
        if not self._film.count:
            return
        tokens = theme().tokens
        plain, bold = ui_font(FontSize.RANGE), ui_font(FontSize.LABEL, QFont.Weight.DemiBold)
        x, top = self._axis.x(current), self._top + STRIP_HEIGHT
        left, right = self._tick_reach(x, current, bold, 5)
        nearest = self._axis.slot(current)
        for slot in range(max(0, nearest - 2), min(nearest + 3, len(self._axis.shown))):
            reach = self._tick_reach(self._axis.slot_x(slot), self._axis.shown[slot], plain, 3)
            if reach[0] < right and left < reach[1]:
                area = QRectF(reach[0], top + 3, reach[1] - reach[0], TICK_HEIGHT - 3)
                painter.fillRect(area, tokens.color("panel"))
        self._paint_tick(painter, x, current, bold, tokens.color("text"))

    def paint_current(self, painter: QPainter, current: int) -> None:
        """The moment under the playhead, framed, in the slot nearest to it, and a line from there to its true place."""
        if not self._film.count:
            return
        tokens = theme().tokens
        slot = self._axis.slot(current)
        target = self._target(slot)
        if self._axis.shown[slot] != current:
            painter.fillRect(target, tokens.color("panel"))
            self._paint_thumbnail(painter, target, current)
        painter.setPen(QPen(tokens.color("accent"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = target.adjusted(-2, -2, 2, 2)
        painter.drawRect(frame)
        x = round(self._axis.x(current))
        if not frame.left() <= x <= frame.right():
            painter.drawLine(QPointF(frame.center().x(), frame.bottom()), QPointF(x, frame.bottom()))

    def current_bottom(self, current: int) -> float:
        """Where the playhead's line may begin below the current thumbnail."""
        return self._target(self._axis.slot(current)).bottom() + 3

    def _target(self, slot: int) -> QRectF:
        width, height = self._size
        x = round(self._axis.slot_x(slot) - width / 2)
        y = round(self._top + (STRIP_HEIGHT - height) / 2)
        return QRectF(x, y, width, height)

    def _paint_thumbnail(self, painter: QPainter, target: QRectF, position: int) -> None:
        paint_picture(painter, target, self._film.thumbnail(position))

    def _tick_reach(self, x: float, position: int, font: QFont, margin: float) -> tuple[float, float]:
        half = QFontMetricsF(font).horizontalAdvance(str(self._film.times[position])) / 2 + margin
        return x - half, x + half

    def _paint_tick(self, painter: QPainter, x: float, position: int, font: QFont, color: QColor) -> None:
        painter.setFont(font)
        painter.setPen(color)
        text = str(self._film.times[position])
        metrics = QFontMetricsF(font)
        top = self._top + STRIP_HEIGHT
        painter.drawText(QPointF(x - metrics.horizontalAdvance(text) / 2, top + 4 + metrics.ascent()), text)
