"""A tree of runs: each a line from noise (left) to picture (right), branches leaving their parents where they did.

Branches of one line stand below it, the one that leaves last uppermost: so no line ever crosses another.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QLineEdit, QSizePolicy, QToolTip, QWidget

from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.branch_painter import ROW, THUMBNAIL, BranchPainter, TreeLine

_EMPTY = "Runs appear here. Right-click any frame of the film to go on from it in another way."


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
        self.verticalScrollBar().setSingleStep(ROW // 2)
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
        return QRect(0, index * ROW - self.verticalScrollBar().value(), self.viewport().width(), ROW)

    def index_at(self, position: QPoint) -> int | None:
        index = (position.y() + self.verticalScrollBar().value()) // ROW
        return index if 0 <= index < len(self._lines) else None

    def edit_name(self, index: int) -> None:
        """Let a name be typed in its place; Enter takes it, Escape does not."""
        self._close_editor()
        row = self.row_rect(index)
        editor = QLineEdit(self._lines[index].name, self.viewport())
        editor.setAccessibleName("Name")
        editor.setMaxLength(60)
        editor.setGeometry(
            Size.DOCK_PADDING, row.top() + 2, max(80, row.width() - THUMBNAIL - 3 * Size.DOCK_PADDING), 28
        )
        editor.selectAll()
        editor.editingFinished.connect(self._take_name)
        editor.installEventFilter(self)
        self._editor, self._edited = editor, index
        editor.show()
        editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def content_size(self) -> QSize:
        """What `paint` needs for all lines, at the width there is."""
        return QSize(self.viewport().width(), max(1, len(self._lines)) * ROW)

    def paint(self, painter: QPainter) -> None:
        """Paint all lines from the top left corner on."""
        parts = self._painter()
        parts.paint_still(painter)
        parts.paint_playhead(painter, self._playhead)

    def sizeHint(self) -> QSize:
        return QSize(260, 4 * ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 3 * ROW)

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
            self._painter().paint_playhead(painter, self._playhead)
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
        room, content = self.viewport().height(), len(self._lines) * ROW
        self.verticalScrollBar().setRange(0, max(0, content - room))
        self.verticalScrollBar().setPageStep(max(room, 1))

    def _scroll_to(self, index: int) -> None:
        bar, row = self.verticalScrollBar(), self.row_rect(index)
        if row.top() < 0:
            bar.setValue(bar.value() + row.top())
        elif row.bottom() > self.viewport().height():
            bar.setValue(bar.value() + row.bottom() + 1 - self.viewport().height())

    def _draw_still(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.viewport().size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.translate(0, -self.verticalScrollBar().value())
        self._painter().paint_still(painter)
        painter.end()
        return pixmap

    def _painter(self) -> BranchPainter:
        return BranchPainter(self._lines, self._shown, self.viewport().width(), self.hasFocus())
