"""Many pictures at once: up to some hundreds, painted fast, with one of them chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QSizePolicy, QToolTip, QWidget

from studio.app.imaging import fitted_rect, fitted_size, paint_picture, picture_image, screen_image, screen_images
from studio.app.theme import theme

_FRAME = 2


class PictureGrid(QAbstractScrollArea):
    """Pictures uint8 (N, H, W, C) in rows and columns that adapt to the room.

    The columns are chosen so that all pictures show as large as possible; when they would become smaller than
    `minimum_cell` pixels, they stay that size and the grid scrolls. `selected(int)` comes with a click or an arrow key,
    `activated(int)` with Enter or a double click, `hovered(object)` with the index under the mouse or None,
    `context_requested(int, QPoint)` with the global position for a menu. `tooltip_for` is called with an index for the
    words of its tool tip.
    """

    selected = Signal(int)
    activated = Signal(int)
    hovered = Signal(object)
    context_requested = Signal(int, QPoint)
    shrink_changed = Signal()
    """`shrink` may have changed: the room or the pictures have another size."""

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        name: str = "Pictures",
        minimum_cell: int = 28,
        gap: int = 4,
        columns: int | None = None,
        selectable: bool = True,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._minimum_cell = minimum_cell
        self._gap = gap
        self._fixed_columns = columns
        self._selectable = selectable
        self._images: list[QImage] = []
        self._picture_size = QSize(1, 1)
        self._selection: int | None = None
        self._hovered: int | None = None
        self._columns = 1
        self._cell = QSize(minimum_cell, minimum_cell)
        self._room = QSize()
        self.tooltip_for: Callable[[int], str] | None = None
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if selectable else Qt.FocusPolicy.NoFocus)
        self.setProperty("ownFocusMark", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.verticalScrollBar().setSingleStep(minimum_cell // 2)

    def set_pictures(self, pictures: np.ndarray | Sequence[np.ndarray], size: tuple[int, int] | None = None) -> None:
        """Shows pictures of one size; the selection stays when it still exists.

        size: (width, height) of the pictures themselves, where they are given `shrink` times smaller.
        """
        images = (
            screen_images(pictures)
            if isinstance(pictures, np.ndarray)
            else [screen_image(picture_image(picture)) for picture in pictures]
        )
        same = len(images) == len(self._images) and self.maximumViewportSize() == self._room
        self._images = images
        picture_size = QSize(*size) if size is not None else images[0].size() if images else self._picture_size
        if picture_size != self._picture_size:
            self._picture_size = picture_size
            same = False
        if self._selection is not None and self._selection >= len(images):
            self._selection = None
        self._hovered = None
        if same:
            # Scrubbing comes here sixty times a second.
            self.viewport().update()
            return
        self.setAccessibleName(f"{self._name}, {len(images)}")
        self._arrange()

    def set_picture(self, index: int, picture: np.ndarray) -> None:
        """Replaces one picture by another of the same size."""
        self._images[index] = screen_image(picture_image(picture))
        self.viewport().update(self.cell_rect(index))

    @property
    def shrink(self) -> int:
        """How many times smaller than themselves pictures are drawn, in device pixels; 1 where they are enlarged."""
        return max(1, round(self._picture_size.width() / max(1.0, self._place().width() * self.devicePixelRatioF())))

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self._images)

    @property
    def columns(self) -> int:
        """How many stand beside each other now."""
        return self._columns

    def selection(self) -> int | None:
        """The index of the chosen picture."""
        return self._selection

    def set_selection(self, index: int | None) -> None:
        """Chooses a picture and scrolls to it; emits nothing. Raises IndexError."""
        if index is not None and not 0 <= index < len(self._images):
            raise IndexError(f"there are {len(self._images)} pictures, no number {index}")
        self._selection = index
        if index is not None:
            self._scroll_to(index)
        self.viewport().update()

    def cell_rect(self, index: int) -> QRect:
        """Where a picture lies in the viewport."""
        row, column = divmod(index, self._columns)
        x = _FRAME + column * (self._cell.width() + self._gap)
        y = _FRAME + row * (self._cell.height() + self._gap) - self.verticalScrollBar().value()
        return QRect(QPoint(x, y), self._cell)

    def index_at(self, position: QPoint) -> int | None:
        """The picture at a position of the viewport."""
        pitch_x = self._cell.width() + self._gap
        pitch_y = self._cell.height() + self._gap
        x = position.x() - _FRAME
        y = position.y() - _FRAME + self.verticalScrollBar().value()
        column, row = x // pitch_x, y // pitch_y
        index = row * self._columns + column
        inside = 0 <= column < self._columns and row >= 0 and 0 <= index < len(self._images)
        return index if inside and self.cell_rect(index).contains(position) else None

    def sizeHint(self) -> QSize:
        return QSize(240, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(2 * self._minimum_cell, self._minimum_cell + 2 * _FRAME)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index is not None and self._selectable:
            self._select(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self.activated.emit(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.index_at(event.position().toPoint()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self._selection
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            index = self.index_at(event.pos())
        if index is not None:
            self.context_requested.emit(index, event.globalPos())

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._hover(None)
        elif event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self.tooltip_for is not None:
            index = self.index_at(event.pos())
            if index is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), self.tooltip_for(index), self.viewport(), self.cell_rect(index))
            return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._images or not self._selectable:
            super().keyPressEvent(event)
            return
        last = len(self._images) - 1
        current = self._selection
        targets = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns,
            Qt.Key.Key_Down: self._columns,
        }
        key = event.key()
        if key in targets:
            index = 0 if current is None else current + targets[key]
            if 0 <= index <= last:
                self._select(index)
        elif key == Qt.Key.Key_Home:
            self._select(0)
        elif key == Qt.Key.Key_End:
            self._select(last)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.activated.emit(current)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self.viewport())
        ratio = self.devicePixelRatioF()
        area = event.rect()
        pitch = self._cell.height() + self._gap
        offset = self.verticalScrollBar().value()
        first = max(0, (area.top() + offset - _FRAME) // pitch) * self._columns
        last = min(len(self._images), ((area.bottom() + offset) // pitch + 1) * self._columns)
        # All pictures have one size: the place within the cell is worked out once, and only what is see-through or
        # to be shrunk needs more than a plain draw.
        place = self._place()
        left, top = _FRAME + place.left(), _FRAME + place.top() - offset
        pitch_x, width, height = self._cell.width() + self._gap, place.width(), place.height()
        plain = bool(self._images) and not self._images[0].hasAlphaChannel()
        plain = plain and width * ratio >= self._images[0].width()
        for index in range(first, last):
            row, column = divmod(index, self._columns)
            target = QRectF(left + column * pitch_x, top + row * pitch, width, height)
            if plain:
                painter.drawImage(target, self._images[index])
            else:
                paint_picture(painter, target, self._images[index])
        if self._selection is not None:
            frame = QRectF(self.cell_rect(self._selection)).adjusted(-1, -1, 1, 1)
            pen = QPen(tokens.color("accent"), _FRAME)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(frame)
        if self.hasFocus() and self._selection is None and self._images:
            painter.setPen(QPen(tokens.color("accent"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(QRectF(self.cell_rect(0)).adjusted(-1, -1, 1, 1))

    def focusInEvent(self, event: QEvent) -> None:
        self.viewport().update()

    def focusOutEvent(self, event: QEvent) -> None:
        self.viewport().update()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    def _select(self, index: int) -> None:
        if index != self._selection:
            self.set_selection(index)
            self.selected.emit(index)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.hovered.emit(index)

    def _scroll_to(self, index: int) -> None:
        cell = self.cell_rect(index)
        bar = self.verticalScrollBar()
        if cell.top() < _FRAME:
            bar.setValue(bar.value() + cell.top() - _FRAME)
        elif cell.bottom() > self.viewport().height() - _FRAME:
            bar.setValue(bar.value() + cell.bottom() - self.viewport().height() + _FRAME + 1)

    def _place(self) -> QRectF:
        """Where a picture lies in its cell."""
        space = QRectF(QPointF(0, 0), QSizeF(self._cell))
        return fitted_rect(self._picture_size, space, self.devicePixelRatioF(), Qt.AlignmentFlag.AlignCenter)

    def _arrange(self) -> None:
        """Chooses columns and cell size for the room there is."""
        count = max(1, len(self._images))
        room = self._room = self.maximumViewportSize()
        width, height = room.width() - 2 * _FRAME, room.height() - 2 * _FRAME
        self._columns, self._cell = self._best_arrangement(count, width, height)
        rows = math.ceil(count / self._columns)
        content = rows * (self._cell.height() + self._gap) - self._gap + 2 * _FRAME
        if content > room.height() and self._fixed_columns is None:
            # The scroll bar takes its width from the pictures.
            width -= self.verticalScrollBar().sizeHint().width()
            self._columns = max(1, (width + self._gap) // (self._cell.width() + self._gap))
            rows = math.ceil(count / self._columns)
            content = rows * (self._cell.height() + self._gap) - self._gap + 2 * _FRAME
        self.verticalScrollBar().setRange(0, max(0, content - room.height()))
        self.verticalScrollBar().setPageStep(room.height())
        self.viewport().update()
        self.shrink_changed.emit()

    def _best_arrangement(self, count: int, width: int, height: int) -> tuple[int, QSize]:
        if self._fixed_columns is not None:
            columns = self._fixed_columns
            return columns, self._cell_for((width - (columns - 1) * self._gap) // columns, 10**6)
        best_rank: tuple[int, int, int] | None = None
        columns, cell = 1, QSize(1, 1)
        for candidate in range(1, count + 1):
            rows = math.ceil(count / candidate)
            size = self._cell_for(
                (width - (candidate - 1) * self._gap) // candidate, (height - (rows - 1) * self._gap) // rows
            )
            # The largest pictures; of those the fullest last row; of those the longest rows.
            rank = (size.width(), count - candidate * rows, candidate)
            if best_rank is None or rank > best_rank:
                best_rank, columns, cell = rank, candidate, size
        if cell.width() < self._minimum_cell:
            cell = self._cell_for(self._minimum_cell, 10**6)
            columns = max(1, (width + self._gap) // (cell.width() + self._gap))
        return columns, cell

    def _cell_for(self, width: int, height: int) -> QSize:
        ratio = self.devicePixelRatioF()
        shown = fitted_size(
            self._picture_size.width(), self._picture_size.height(), max(1, width * ratio), max(1, height * ratio)
        )
        return QSize(math.ceil(shown[0] / ratio), math.ceil(shown[1] / ratio))
