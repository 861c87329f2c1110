"""A tree of runs: each a line from noise (left) to picture (right), branches leaving their parents where they did.

Branches of one line stand below it, the one that leaves last uppermost: so no line ever crosses another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QLineEdit, QSizePolicy, QToolTip, QWidget

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import FontSize, Size, Space, theme, ui_font

ROLES = ("d1", "d4", "d2", "d3", "d6", "d5")
"""Branch after branch; from the seventh on they begin anew, and dashed."""

_ROW = 48
_LINE = 25.0
_ABOVE, _BELOW = 16.0, 40.0
_THUMBNAIL = 38
_TURN = 12.0
_TEXT_GAP = 8
_VEIL = 205
"""Of 255: lines behind words stay in sight, and the words stay readable."""
_EMPTY = "Runs appear here. Right-click any frame of the film to go on from it in another way."


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


class BranchTree(QAbstractScrollArea):
    """Shows TreeLines, one of them lit with the playhead on it.

    `chosen(int)` comes with a click or ↑ ↓, `context_requested(int, QPoint)` with the global place for a menu,
    `renamed(int, str)` after a name was typed (F2 or a double click). All other keys are left to whoever holds it.
    """

    chosen = Signal(int)
    context_requested = Signal(int, QPoint)
    renamed = Signal(int, str)
    discard_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[TreeLine, ...] = ()
        self._shown: int | None = None
        self._playhead = 0.0
        self._still: QPixmap | None = None
        self._editor: QLineEdit | None = None
        self._edited = 0
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("ownFocusMark", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Branches")
        self.viewport().setAutoFillBackground(False)
        self.verticalScrollBar().setSingleStep(_ROW // 2)
        theme().changed.connect(self._redraw)

    @property
    def lines(self) -> tuple[TreeLine, ...]:
        return self._lines

    @property
    def shown(self) -> int | None:
        """The index of the line that is lit."""
        return self._shown

    @property
    def playhead(self) -> float:
        return self._playhead

    def set_lines(self, lines: Sequence[TreeLine], shown: int | None) -> None:
        """Show other lines, parents before their branches, or the same ones grown longer."""
        moved = shown != self._shown or len(lines) != len(self._lines)
        self._lines, self._shown = tuple(lines), shown
        self._arrange()
        if moved and shown is not None:
            self._scroll_to(shown)
        self._describe()
        self._redraw()

    def set_playhead(self, share: float) -> None:
        """Move the dot on the line that is lit; a share of the way from noise to picture."""
        if share != self._playhead:
            self._playhead = share
            self.viewport().update()

    def row_rect(self, index: int) -> QRect:
        """Where a line with its words and picture lies in the viewport."""
        return QRect(0, index * _ROW - self.verticalScrollBar().value(), self.viewport().width(), _ROW)

    def index_at(self, position: QPoint) -> int | None:
        index = (position.y() + self.verticalScrollBar().value()) // _ROW
        return index if 0 <= index < len(self._lines) else None

    def edit_name(self, index: int) -> None:
        """Let a name be typed in its place; Enter takes it, Escape does not."""
        self._close_editor()
        row = self.row_rect(index)
        editor = QLineEdit(self._lines[index].name, self.viewport())
        editor.setAccessibleName("Name")
        editor.setMaxLength(60)
        editor.setGeometry(
            Size.DOCK_PADDING, row.top() + 2, max(80, row.width() - _THUMBNAIL - 3 * Size.DOCK_PADDING), 28
        )
        editor.selectAll()
        editor.editingFinished.connect(self._take_name)
        editor.installEventFilter(self)
        self._editor, self._edited = editor, index
        editor.show()
        editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def content_size(self) -> QSize:
        """What `paint` needs for all lines, at the width there is."""
        return QSize(self.viewport().width(), max(1, len(self._lines)) * _ROW)

    def paint(self, painter: QPainter) -> None:
        """Paint all lines from the top left corner on."""
        self._paint_still(painter)
        self._paint_playhead(painter)

    def sizeHint(self) -> QSize:
        return QSize(260, 4 * _ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 3 * _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        if not self._lines:
            painter.setFont(ui_font(FontSize.LABEL))
            painter.setPen(theme().color("muted"))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.viewport().rect().adjusted(Space.L, 0, -Space.L, 0), flags, _EMPTY)
        else:
            if self._still is None:
                self._still = self._draw_still()
            painter.drawPixmap(0, 0, self._still)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.translate(0, -self.verticalScrollBar().value())
            self._paint_playhead(painter)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()
        self._redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._redraw()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._close_editor()
        self._redraw()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.edit_name(index)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.index_at(event.pos()) if by_mouse else self._shown
        if index is not None:
            place = event.globalPos() if by_mouse else self.viewport().mapToGlobal(self.row_rect(index).center())
            self.context_requested.emit(index, place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is not None and self._lines:
            index = 0 if self._shown is None else self._shown + step
            if 0 <= index < len(self._lines):
                self.chosen.emit(index)
        elif event.key() == Qt.Key.Key_F2 and self._shown is not None:
            self.edit_name(self._shown)
        elif event.key() == Qt.Key.Key_Delete and self._shown is not None:
            self.discard_requested.emit(self._shown)
        else:
            # QAbstractScrollArea would scroll with the arrow keys that go through time.
            event.ignore()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.index_at(event.pos())
            if index is None:
                QToolTip.hideText()
            else:
                line = self._lines[index]
                QToolTip.showText(
                    event.globalPos(), f"{line.name}\n{line.words}", self.viewport(), self.row_rect(index)
                )
            return True
        return super().viewportEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        pressed = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress
        if watched is self._editor and pressed and event.key() == Qt.Key.Key_Escape:
            self._close_editor()
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            return True
        return super().eventFilter(watched, event)

    def focusInEvent(self, event: QEvent) -> None:
        self._redraw()

    def focusOutEvent(self, event: QEvent) -> None:
        self._redraw()

    @Slot()
    def _take_name(self) -> None:
        editor, index = self._editor, self._edited
        if editor is not None:
            name = editor.text()
            self._close_editor()
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            self.renamed.emit(index, name)

    def _close_editor(self) -> None:
        editor, self._editor = self._editor, None
        if editor is not None:
            editor.hide()
            editor.deleteLater()

    @Slot()
    def _redraw(self) -> None:
        self._still = None
        self.viewport().update()

    def _describe(self) -> None:
        if self._shown is None:
            self.setAccessibleDescription("")
            return
        line = self._lines[self._shown]
        self.setAccessibleDescription(f"{line.name}, {line.words}")

    def _arrange(self) -> None:
        room, content = self.viewport().height(), len(self._lines) * _ROW
        self.verticalScrollBar().setRange(0, max(0, content - room))
        self.verticalScrollBar().setPageStep(max(room, 1))

    def _scroll_to(self, index: int) -> None:
        bar, row = self.verticalScrollBar(), self.row_rect(index)
        if row.top() < 0:
            bar.setValue(bar.value() + row.top())
        elif row.bottom() > self.viewport().height():
            bar.setValue(bar.value() + row.bottom() + 1 - self.viewport().height())

    def _ends(self) -> tuple[float, float]:
        """The left and right end of the way from noise to picture."""
        left = Size.DOCK_PADDING + 4.0
        right = self.viewport().width() - _THUMBNAIL - Size.DOCK_PADDING - Space.S
        return left, max(left + 40.0, float(right))

    def _x(self, share: float) -> float:
        left, right = self._ends()
        return left + max(0.0, min(share, 1.0)) * (right - left)

    @staticmethod
    def _y(index: int) -> float:
        return index * _ROW + _LINE

    def _pen(self, line: TreeLine, index: int, color: QColor) -> QPen:
        pen = QPen(color, 2.5 if index == self._shown else 1.5)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if line.dashed:
            pen.setDashPattern([4, 3])
        return pen

    def _draw_still(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.viewport().size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.translate(0, -self.verticalScrollBar().value())
        self._paint_still(painter)
        painter.end()
        return pixmap

    def _paint_still(self, painter: QPainter) -> None:
        """All that does not move with the playhead."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._shown is not None:
            lit = QRectF(0, self._shown * _ROW, self.viewport().width(), _ROW)
            painter.fillRect(lit, theme().color("hover" if self.hasFocus() else "raised"))
        # Where branches leave at the same step, those further down go first, below the others.
        for index in reversed(range(len(self._lines))):
            self._paint_line(painter, index)
        for index in range(len(self._lines)):
            self._paint_words(painter, index)
            self._paint_picture(painter, index)

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

    def _paint_playhead(self, painter: QPainter) -> None:
        index = self._shown
        if index is None:
            return
        # What a branch shares with its parent lies on the parent's line.
        while (parent := self._lines[index].parent) is not None and self._playhead <= self._lines[index].begin:
            index = parent
        accent = theme().color("accent")
        self._dot(painter, QPointF(self._x(self._playhead), self._y(index)), 5.0, accent, accent)

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
        top = index * _ROW
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
        ground = theme().color(("hover" if self.hasFocus() else "raised") if index == self._shown else "panel")
        ground.setAlpha(_VEIL)
        painter.fillRect(
            QRectF(place.x() - 2, place.y() - metrics.ascent(), metrics.horizontalAdvance(text) + 4, metrics.height()),
            ground,
        )
        painter.setFont(font)
        painter.setPen(theme().color(role))
        painter.drawText(place, text)

    def _paint_picture(self, painter: QPainter, index: int) -> None:
        side = float(_THUMBNAIL)
        room = QRectF(self.viewport().width() - side - Size.DOCK_PADDING, index * _ROW + (_ROW - side) / 2, side, side)
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
