"""All pictures of a data set, however many: only what is in sight is painted, and only that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QSizePolicy, QToolTip, QWidget

from studio.app.theme import Tokens, theme
from studio.app.widgets.grid_cells import Cell, paint_cell
from studio.app.widgets.grid_selection import Selection

CELL_SIZES = (32, 40, 56, 72, 96, 128, 168)
GAP = 4
MARGIN = 8
GROUP_GAP = 16
_AHEAD_ROWS = 4
_DRAG_DISTANCE = 5
_WAITING = Cell()


class DataGrid(QAbstractScrollArea):
    """Square cells in rows; several can be chosen.

    `cell_for(index)` gives the Cell of a picture and is called for what is painted only, after `before_paint(indices)`
    for all of them; `words_for(index)` gives the words of its tool tip. `indices` are numbers of pictures in the order
    shown; `place` is a number in that order.
    """

    wanted = Signal(object)
    """Indices (a list) that are in sight, and after them the ones that will be next."""
    selection_changed = Signal()
    activated = Signal(int)
    """The index of a picture that was double-clicked, or Enter was pressed on it."""
    remove_requested = Signal()
    """Delete was pressed."""
    context_requested = Signal(QPoint)
    """A global position; what is chosen is what it is about."""
    cell_size_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None, *, name: str = "Pictures") -> None:
        super().__init__(parent)
        self._name = name
        self._indices: NDArray[np.int64] = np.zeros(0, np.int64)
        self._group_size = 0
        self._cell = 72
        self._columns = 1
        self._left = MARGIN
        self._selection = Selection()
        self._band_from: QPoint | None = None
        self._band: QRect | None = None
        self._band_kept: set[int] = set()
        self.cell_for: Callable[[int], Cell] = lambda index: _WAITING
        self.before_paint: Callable[[NDArray[np.int64]], object] = lambda indices: None
        self.words_for: Callable[[int], str] = lambda index: ""
        self._ask = QTimer(self)
        self._ask.setSingleShot(True)
        self._ask.timeout.connect(self._tell_wanted)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("ownFocusMark", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        self.viewport().setAutoFillBackground(False)
        theme().changed.connect(self.refresh)

    # What is shown

    @property
    def indices(self) -> NDArray[np.int64]:
        """The numbers of the pictures shown, in order."""
        return self._indices

    @property
    def columns(self) -> int:
        return self._columns

    @property
    def cell_size(self) -> int:
        """The side of a cell in device-independent pixels."""
        return self._cell

    def set_indices(self, indices: Sequence[int] | NDArray[np.int64], group_size: int = 0) -> None:
        """Show these pictures; with a `group_size`, so many that follow each other stand together in a frame."""
        self._indices = np.asarray(indices, dtype=np.int64)
        self._group_size = group_size
        had = bool(self._selection.chosen)
        self._selection.reset(len(self._indices))
        self.setAccessibleName(f"{self._name}, {len(self._indices):,}")
        self._arrange()
        self.verticalScrollBar().setValue(0)
        if had:
            self.selection_changed.emit()

    def set_cell_size(self, side: int) -> None:
        """Larger or smaller cells; what was at the top stays there."""
        if side == self._cell:
            return
        first = self.places_in_sight()[0] if len(self._indices) else 0
        self._cell = side
        self._arrange()
        self.verticalScrollBar().setValue(self._row_top(first // self._columns))
        self.cell_size_changed.emit(side)

    @Slot()
    def larger(self) -> None:
        """The next larger cells."""
        self.set_cell_size(next((side for side in CELL_SIZES if side > self._cell), CELL_SIZES[-1]))

    @Slot()
    def smaller(self) -> None:
        """The next smaller cells."""
        self.set_cell_size(next((side for side in reversed(CELL_SIZES) if side < self._cell), CELL_SIZES[0]))

    @Slot()
    def refresh(self) -> None:
        """Paint anew, and ask for what is in sight."""
        self.viewport().update()
        self._ask.start(0)

    # What is chosen

    def chosen(self) -> NDArray[np.int64]:
        """The numbers of the pictures that are chosen, in the order shown."""
        return self._indices[sorted(self._selection.chosen)]

    def current(self) -> int | None:
        """The number of the picture that the keyboard is at."""
        return None if self._selection.current is None else int(self._indices[self._selection.current])

    def choose(self, index: int) -> bool:
        """Choose the picture of this number and scroll to it; whether it is among those shown."""
        found = np.flatnonzero(self._indices == index)
        if not len(found):
            return False
        self._selection.choose(int(found[0]))
        self._scroll_to(int(found[0]))
        self._selection_moved()
        return True

    # Where things lie

    def places_in_sight(self) -> tuple[int, int]:
        """(first, end) of the places that are in sight, end exclusive."""
        offset = self.verticalScrollBar().value() - MARGIN
        pitch = self._cell + GAP
        first = max(0, offset // pitch) * self._columns
        end = ((offset + self.viewport().height()) // pitch + 1) * self._columns
        return min(first, max(0, len(self._indices) - 1)), max(0, min(len(self._indices), end))

    def cell_rect(self, place: int) -> QRect:
        """Where a place lies in the viewport."""
        row, column = divmod(place, self._columns)
        gaps = column // self._group_size * GROUP_GAP if self._group_size else 0
        x = self._left + column * (self._cell + GAP) + gaps
        return QRect(x, self._row_top(row) + MARGIN - self.verticalScrollBar().value(), self._cell, self._cell)

    def place_at(self, position: QPoint) -> int | None:
        """The place at a position of the viewport."""
        row = (position.y() - MARGIN + self.verticalScrollBar().value()) // (self._cell + GAP)
        if row < 0:
            return None
        for place in range(row * self._columns, min((row + 1) * self._columns, len(self._indices))):
            if self.cell_rect(place).contains(position):
                return place
        return None

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    # Qt's events

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        first = self.places_in_sight()[0] if len(self._indices) else 0
        self._arrange()
        if first:
            self.verticalScrollBar().setValue(self._row_top(first // self._columns))

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.refresh()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if event.angleDelta().y():
                (self.larger if event.angleDelta().y() > 0 else self.smaller)()
            event.accept()
        else:
            super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.RightButton:
            if place is not None and place not in self._selection.chosen:
                self._selection.choose(place)
                self._selection_moved()
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        adding = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        self._band_from = event.position().toPoint() + QPoint(0, self.verticalScrollBar().value())
        self._band_kept = set(self._selection.chosen) if adding else set()
        if place is None:
            if not adding:
                self._selection.chosen = set()
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._selection.extend(place)
        elif adding:
            self._selection.toggle(place)
        else:
            self._selection.choose(place)
        self._selection_moved()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._band_from is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        offset = QPoint(0, self.verticalScrollBar().value())
        here = event.position().toPoint()
        if self._band is None and (here + offset - self._band_from).manhattanLength() < _DRAG_DISTANCE:
            return
        if here.y() < 0 or here.y() > self.viewport().height():
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + (here.y() if here.y() < 0 else here.y() - self.viewport().height()))
            offset = QPoint(0, bar.value())
        self._band = QRect(self._band_from, here + offset).normalized()
        self._selection.choose_these(self._places_in(self._band), added_to=self._band_kept)
        self._selection_moved()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._band_from = self._band = None
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self.activated.emit(int(self._indices[place]))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._selection.chosen:
            self.context_requested.emit(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        extending = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        rows = max(1, self.viewport().height() // (self._cell + GAP)) * self._columns
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns,
            Qt.Key.Key_Down: self._columns,
            Qt.Key.Key_PageUp: -rows,
            Qt.Key.Key_PageDown: rows,
            Qt.Key.Key_Home: -len(self._indices),
            Qt.Key.Key_End: len(self._indices),
        }
        key, selection = event.key(), self._selection
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if key in steps and not control:
            if selection.move(steps[key], extending=extending):
                self._scroll_to(selection.current)
                self._selection_moved()
        elif key == Qt.Key.Key_A and control:
            selection.choose_all()
            self._selection_moved()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.larger()
        elif key == Qt.Key.Key_Minus:
            self.smaller()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and selection.chosen:
            self.remove_requested.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and selection.current is not None:
            self.activated.emit(int(self._indices[selection.current]))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if self._selection.current is None and len(self._indices) and event.reason() == Qt.FocusReason.TabFocusReason:
            self._selection.choose(self.places_in_sight()[0])
            self._selection_moved()
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.place_at(event.pos())
            if place is None:
                QToolTip.hideText()
            else:
                words = self.words_for(int(self._indices[place]))
                QToolTip.showText(event.globalPos(), words, self.viewport(), self.cell_rect(place))
            return True
        return super().viewportEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), tokens.color("canvas"))
        ratio = self.devicePixelRatioF()
        first, end = self.places_in_sight()
        self.before_paint(self._indices[first:end])
        if self._group_size:
            self._paint_groups(painter, tokens, first, end)
        offset = MARGIN - self.verticalScrollBar().value()
        side, pitch, columns = self._cell, self._cell + GAP, self._columns
        group = self._group_size
        for place in range(first, end):
            row, column = divmod(place, columns)
            left = self._left + column * pitch + (column // group * GROUP_GAP if group else 0)
            top = offset + row * pitch
            paint_cell(painter, self.cell_for(int(self._indices[place])), left, top, side, ratio)
        self._paint_selection(painter, tokens, first, end)

    # The rest

    def _paint_groups(self, painter: QPainter, tokens: Tokens, first: int, end: int) -> None:
        reach = GAP
        for place in range(first - first % self._group_size, end, self._group_size):
            last = min(place + self._group_size, len(self._indices)) - 1
            area = self.cell_rect(place).united(self.cell_rect(last)).adjusted(-reach, 0, reach, 0)
            painter.fillRect(area.adjusted(0, -1, 0, 1), tokens.color("panel"))

    def _paint_selection(self, painter: QPainter, tokens: Tokens, first: int, end: int) -> None:
        selection = self._selection
        pen = QPen(tokens.color("accent"), 2)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        chosen = [place for place in range(first, end) if place in selection.chosen]
        for place in chosen:
            painter.drawRect(QRectF(self.cell_rect(place)).adjusted(-1, -1, 1, 1))
        if self.hasFocus() and selection.current is not None and first <= selection.current < end and len(chosen) > 1:
            painter.setPen(QPen(tokens.color("text"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(QRectF(self.cell_rect(selection.current)).adjusted(-3, -3, 3, 3))
        if self._band is not None:
            area = QRectF(self._band.translated(0, -self.verticalScrollBar().value()))
            shade = tokens.color("accent")
            shade.setAlphaF(0.16)
            painter.setPen(QPen(tokens.color("accent"), 1))
            painter.setBrush(shade)
            painter.drawRect(area)

    def _places_in(self, band: QRect) -> list[int]:
        pitch = self._cell + GAP
        first = max(0, (band.top() - MARGIN) // pitch) * self._columns
        end = min(len(self._indices), ((band.bottom() - MARGIN) // pitch + 1) * self._columns)
        offset = QPoint(0, self.verticalScrollBar().value())
        return [place for place in range(first, end) if self.cell_rect(place).translated(offset).intersects(band)]

    def _row_top(self, row: int) -> int:
        return row * (self._cell + GAP)

    def _arrange(self) -> None:
        room = self.viewport().width() - 2 * MARGIN + GAP
        self._columns = max(1, room // (self._cell + GAP))
        if size := self._group_size:
            groups = max(1, (room + GROUP_GAP) // (size * (self._cell + GAP) + GROUP_GAP))
            self._columns = groups * size
        used = self._columns * (self._cell + GAP)
        if self._group_size:
            used += (self._columns // self._group_size - 1) * GROUP_GAP
        self._left = MARGIN + max(0, room - used) // 2
        rows = -(-len(self._indices) // self._columns)
        content = self._row_top(rows) - GAP + 2 * MARGIN
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, content - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(20, self._cell // 2))
        self.refresh()

    def _scroll_to(self, place: int | None) -> None:
        if place is None:
            return
        cell, bar = self.cell_rect(place), self.verticalScrollBar()
        if cell.top() < MARGIN:
            bar.setValue(bar.value() + cell.top() - MARGIN)
        elif cell.bottom() > self.viewport().height() - MARGIN:
            bar.setValue(bar.value() + cell.bottom() - self.viewport().height() + MARGIN)

    def _selection_moved(self) -> None:
        self.viewport().update()
        self.selection_changed.emit()

    @Slot()
    def _tell_wanted(self) -> None:
        first, end = self.places_in_sight()
        ahead = _AHEAD_ROWS * self._columns
        near = (
            self._indices[first:end],
            self._indices[end : end + ahead],
            self._indices[max(0, first - ahead) : first],
        )
        self.wanted.emit(np.concatenate(near).tolist())
