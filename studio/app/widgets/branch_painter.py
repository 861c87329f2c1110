"""How a tree of runs is painted: lines, words and small pictures, and the playhead on the line that is lit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import FontSize, Size, Space, theme, ui_font

ROLES = ("d1", "d4", "d2", "d3", "d6", "d5")
"""Branch after branch; from the seventh on they begin anew, and dashed."""

ROW = 48
THUMBNAIL = 38
_LINE = 25.0
_ABOVE, _BELOW = 16.0, 40.0
_TURN = 12.0
_TEXT_GAP = 8
_VEIL = 205
"""Of 255: lines behind words stay in sight, and the words stay readable."""


@dataclass(frozen=True, eq=False)
class TreeLine:
    """One run or branch.

    parent: the index of its parent's line, None for a run of its own. look: the number of a branch, which decides its
    colour. begin: where it leaves its parent, and reached: how far it has come, as shares of the way from noise (0) to
    picture (1). image: its picture now.
    """

    parent: int | None
    name: str
    words: str
    look: int = 0
    begin: float = 0.0
    reached: float = 1.0
    image: QImage | None = None

    @property
    def role(self) -> str:
        """The token of its colour."""
        return "text" if self.parent is None else ROLES[self.look % len(ROLES)]

    @property
    def dashed(self) -> bool:
        return self.parent is not None and self.look >= len(ROLES)


class BranchPainter:
    """Paints lines from the top left corner on, each a row high, in a width.

    shown: the index of the line that is lit, more so when `focused`.
    """

    def __init__(self, lines: Sequence[TreeLine], shown: int | None, width: int, focused: bool) -> None:
        self._lines, self._shown, self._width, self._focused = tuple(lines), shown, width, focused

    def paint_still(self, painter: QPainter) -> None:
        """All that does not move with the playhead."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._shown is not None:
            lit = QRectF(0, self._shown * ROW, self._width, ROW)
            painter.fillRect(lit, theme().color("hover" if self._focused else "raised"))
        # Where branches leave at the same step, those further down go first, below the others.
        for index in reversed(range(len(self._lines))):
            self._paint_line(painter, index)
        for index in range(len(self._lines)):
            self._paint_words(painter, index)
            self._paint_picture(painter, index)

    def _ends(self) -> tuple[float, float]:
        """The left and right end of the way from noise to picture."""
        left = Size.DOCK_PADDING + 4.0
        right = self._width - THUMBNAIL - Size.DOCK_PADDING - Space.S
        return left, max(left + 40.0, float(right))

    def _x(self, share: float) -> float:
        left, right = self._ends()
        return left + max(0.0, min(share, 1.0)) * (right - left)

    @staticmethod
    def _y(index: int) -> float:
        return index * ROW + _LINE

    def _pen(self, line: TreeLine, index: int, color: QColor) -> QPen:
        pen = QPen(color, 2.5 if index == self._shown else 1.5)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if line.dashed:
            pen.setDashPattern([4, 3])
        return pen

    def _paint_line(self, painter: QPainter, index: int) -> None:
        line = self._lines[index]
        color, y = theme().color(line.role), self._y(index)
        begin, end, reached = self._x(line.begin), self._ends()[1], self._x(line.reached)
        path = QPainterPath(QPointF(begin, y))
        turned = begin
        if line.parent is not None:
            above = self._y(line.parent)
            turned = min(begin + 2 * _TURN, end)
            middle = (begin + turned) / 2
            path = QPainterPath(QPointF(begin, above))
            path.cubicTo(middle, above, middle, above + 4, middle, above + _TURN)
            path.lineTo(middle, y - _TURN)
            path.cubicTo(middle, y - 4, middle, y, turned, y)
        path.lineTo(max(reached, turned), y)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(self._pen(line, index, color))
        painter.drawPath(path)
        if line.reached < 1.0:
            rest = QPen(color, 1.5)
            rest.setDashPattern([1, 3])
            painter.setPen(rest)
            painter.drawLine(QPointF(max(reached, turned), y), QPointF(end, y))
            self._dot(painter, QPointF(max(reached, turned), y), 3.0, color, color)
        if line.parent is not None:
            self._dot(painter, QPointF(begin, self._y(line.parent)), 3.5, color, theme().color("panel"))

    def paint_playhead(self, painter: QPainter, share: float) -> None:
        index = self._shown
        if index is None:
            return
        # What a branch shares with its parent lies on the parent's line.
        while (parent := self._lines[index].parent) is not None and share <= self._lines[index].begin:
            index = parent
        accent = theme().color("accent")
        self._dot(painter, QPointF(self._x(share), self._y(index)), 5.0, accent, accent)

    @staticmethod
    def _dot(painter: QPainter, center: QPointF, radius: float, line: QColor, fill: QColor) -> None:
        painter.setPen(QPen(line, 1.5))
        painter.setBrush(fill)
        painter.drawEllipse(center, radius, radius)

    def _paint_words(self, painter: QPainter, index: int) -> None:
        line = self._lines[index]
        name_font = ui_font(FontSize.LABEL, QFont.Weight.DemiBold if index == self._shown else QFont.Weight.Normal)
        words_font = ui_font(FontSize.RANGE)
        names, words = QFontMetricsF(name_font), QFontMetricsF(words_font)
        left, right = self._ends()
        start = left if line.parent is None else self._x(line.begin) + _TURN + 6
        room_right, room_left = right - start, start - 2 * _TURN - left
        name_width, words_width = names.horizontalAdvance(line.name), words.horizontalAdvance(line.words)
        in_one = name_width + _TEXT_GAP + words_width <= room_right
        at_left = not in_one and room_left > room_right and room_left > 40
        x, room = (left, room_left) if at_left else (start, room_right)
        top = index * ROW
        name_place = QPointF(x, top + _ABOVE)
        words_place = QPointF(x + name_width + _TEXT_GAP, top + _ABOVE) if in_one else QPointF(x, top + _BELOW)
        self._write(painter, name_place, line.name, name_font, line.role, room, index)
        self._write(painter, words_place, line.words, words_font, "muted", room, index)

    def _write(
        self, painter: QPainter, place: QPointF, text: str, font: QFont, role: str, room: float, index: int
    ) -> None:
        metrics = QFontMetricsF(font)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room + 1)
        # Lines on their way further down pass behind the words.
        ground = theme().color(("hover" if self._focused else "raised") if index == self._shown else "panel")
        ground.setAlpha(_VEIL)
        painter.fillRect(
            QRectF(place.x() - 2, place.y() - metrics.ascent(), metrics.horizontalAdvance(text) + 4, metrics.height()),
            ground,
        )
        painter.setFont(font)
        painter.setPen(theme().color(role))
        painter.drawText(place, text)

    def _paint_picture(self, painter: QPainter, index: int) -> None:
        side = float(THUMBNAIL)
        room = QRectF(self._width - side - Size.DOCK_PADDING, index * ROW + (ROW - side) / 2, side, side)
        image = self._lines[index].image
        if image is None:
            painter.fillRect(room, theme().color("canvas"))
            return
        place = fitted_rect(image.size(), room, painter.device().devicePixelRatioF(), Qt.AlignmentFlag.AlignCenter)
        paint_picture(painter, place, image)
        if index == self._shown:
            pen = QPen(theme().color("accent"), 2)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(place.adjusted(-2, -2, 2, 2))
