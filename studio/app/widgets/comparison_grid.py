"""The table of a comparison: labels at its heads, a tile of pictures in each cell, and what is measured under it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from studio.app.imaging import paint_picture
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.comparison_layout import (
    BETWEEN,
    GAP,
    LARGEST_TILE,
    LEAST_TILE,
    NOTE_ROW,
    TableLayout,
    TableShape,
    best_scale,
)


@dataclass(frozen=True, eq=False)
class GridCell:
    """images: one pixel a value; none yet where it is empty. moment, measure: the short texts under the tile, left and
    right. busy: whether it is being made now. name: for screen readers."""

    images: tuple[QImage, ...] = ()
    moment: str = ""
    measure: str = ""
    busy: bool = False
    name: str = ""


class ComparisonGrid(QAbstractScrollArea):
    """Draws all cells at one whole multiple, the largest that fits; what does not fit scrolls, under heads that stay.

    A click or R makes a cell the reference, a double click or Enter opens it. Shift and the arrow keys walk from cell
    to cell; Control and the wheel, + and − and 0 change the size.
    """

    cell_chosen = Signal(object)
    """int: make this one the reference."""
    cell_opened = Signal(object)
    """int"""
    current_changed = Signal(object)
    """int, the cell under the mouse or walked to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape: TableShape | None = None
        self._cells: list[GridCell] = []
        self._reference = 0
        self._current: int | None = None
        self._zoom = 0
        self._layout: TableLayout | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Comparison")
        self.setProperty("ownFocusMark", True)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.horizontalScrollBar().setSingleStep(24)
        self.verticalScrollBar().setSingleStep(24)
        theme().changed.connect(self._repaint)

    @property
    def shape(self) -> TableShape | None:
        return self._shape

    @property
    def cells(self) -> tuple[GridCell, ...]:
        return tuple(self._cells)

    @property
    def current(self) -> int | None:
        """The cell under the mouse, or the one that the keyboard walked to."""
        return self._current

    @property
    def reference(self) -> int:
        return self._reference

    def set_table(self, shape: TableShape | None) -> None:
        """Another table, with empty cells; None for none."""
        self._shape = shape
        count = 0 if shape is None else len(shape.rows) * len(shape.columns)
        self._cells = [GridCell() for _ in range(count)]
        self._current = None
        self._zoom = 0
        self._lay_out()

    def set_cell(self, index: int, cell: GridCell) -> None:
        """What one cell shows now."""
        self._cells[index] = cell
        # A tile, with its frame and its texts.
        self.viewport().update(self._tile(index).adjusted(-4, -4, 4, NOTE_ROW + 4).toAlignedRect())

    def set_busy(self, index: int | None) -> None:
        """Which cell is being made."""
        for number, cell in enumerate(self._cells):
            if cell.busy != (number == index):
                self.set_cell(number, replace(cell, busy=number == index))

    def set_reference(self, index: int) -> None:
        """Frame another cell."""
        if index != self._reference:
            self._reference = index
            self.viewport().update()

    def sizeHint(self) -> QSize:
        return QSize(640, 420)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 160)

    @property
    def scale(self) -> int:
        """Device pixels for each value."""
        return 1 if self._layout is None else self._layout.scale

    def _lay_out(self) -> None:
        ratio, shape = self.devicePixelRatioF(), self._shape
        self._layout = None
        content = QSize()
        if shape is not None:
            # The size of the whole: bars take room only when they are there.
            scale = max(1, best_scale(shape, ratio, self.size()) + self._zoom)
            self._layout = TableLayout(shape, scale, ratio)
            content = self._layout.content
        view = self.viewport().size()
        for bar, whole, part in (
            (self.horizontalScrollBar(), content.width(), view.width()),
            (self.verticalScrollBar(), content.height(), view.height()),
        ):
            bar.setPageStep(part)
            bar.setRange(0, max(0, whole - part))
        self.viewport().update()

    def _origin(self) -> QPoint:
        """Where the first tile begins, when nothing is scrolled; a table smaller than its room stands in the middle."""
        if self._layout is None:
            return QPoint()
        content, view = self._layout.content, self.viewport().size()
        left = max(0, (view.width() - content.width() + GAP) // 2)
        top = max(0, (view.height() - content.height()) // 3)
        return QPoint(left + self._layout.head_width, top + self._layout.head_height)

    def _tile(self, index: int) -> QRectF:
        """The tile of a cell in the viewport."""
        if self._layout is None:
            return QRectF()
        tile, pitch, origin = self._layout.tile, self._layout.pitch, self._origin()
        row, column = divmod(index, len(self._layout.shape.columns))
        x = origin.x() + column * pitch[0] - self.horizontalScrollBar().value()
        y = origin.y() + row * pitch[1] - self.verticalScrollBar().value()
        return QRectF(x, y, tile.width(), tile.height())

    def cell_at(self, point: QPointF) -> int | None:
        """The cell whose tile or text is at a point of the viewport."""
        if self._shape is None:
            return None
        origin = self._origin()
        if point.x() < origin.x() - GAP / 2 or point.y() < origin.y() - Space.XS:
            return None
        for index in range(len(self._cells)):
            if self._tile(index).adjusted(0, 0, 0, NOTE_ROW).contains(point):
                return index
        return None

    def tile_rect(self, index: int) -> QRect:
        """Where a cell's pictures are, in the viewport."""
        return self._tile(index).toRect()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), theme().color("panel"))
        if self._layout is not None:
            origin = self._origin()
            body = QRect(origin.x() - 5, origin.y() - 5, self.viewport().width(), self.viewport().height())
            painter.save()
            painter.setClipRect(body.intersected(event.rect()))
            for index, cell in enumerate(self._cells):
                area = self._tile(index)
                if area.adjusted(-6, -6, 6, NOTE_ROW + 6).intersects(QRectF(event.rect())):
                    self._paint_cell(painter, index, cell, area)
            painter.restore()
            self._paint_heads(painter, origin)
        painter.end()

    def _paint_heads(self, painter: QPainter, origin: QPoint) -> None:
        assert self._layout is not None
        shape = self._layout.shape
        font = ui_font(FontSize.LABEL, QFont.Weight.DemiBold)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        painter.setPen(theme().color("text"))
        room = self._layout.pitch[0] - Space.XS
        painter.save()
        painter.setClipRect(QRect(origin.x() - 2, 0, self.viewport().width(), self.viewport().height()))
        for column, label in enumerate(shape.columns):
            area = self._tile(column)
            text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(area.left(), origin.y() - 8), text)
        painter.restore()
        painter.setClipRect(QRect(0, origin.y() - 4, self.viewport().width(), self.viewport().height()))
        width = self._layout.head_width - Space.M
        for row, label in enumerate(shape.rows):
            area = self._tile(row * len(shape.columns))
            text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, width)
            painter.drawText(
                QRectF(origin.x() - self._layout.head_width, area.top(), width, area.height()),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                text,
            )

    def _paint_cell(self, painter: QPainter, index: int, cell: GridCell, area: QRectF) -> None:
        assert self._layout is not None
        tokens, across = theme().tokens, self._layout.shape.across
        painter.fillRect(area, tokens.color("canvas"))
        width, height = self._layout.picture
        for number, image in enumerate(cell.images):
            x = area.left() + (number % across) * (width + BETWEEN)
            y = area.top() + (number // across) * (height + BETWEEN)
            paint_picture(painter, QRectF(x, y, width, height), image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if index == self._reference and cell.images:
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRect(area.adjusted(-3, -3, 3, 3))
        elif index == self._current:
            painter.setPen(QPen(tokens.color("border_strong"), 1))
            painter.drawRect(area.adjusted(-2.5, -2.5, 1.5, 1.5))
        if self.hasFocus() and index == self._current:
            painter.setPen(QPen(tokens.color("text"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(area.adjusted(-4.5, -4.5, 3.5, 3.5))
        self._paint_notes(painter, index, cell, area)

    def _paint_notes(self, painter: QPainter, index: int, cell: GridCell, area: QRectF) -> None:
        tokens = theme().tokens
        font = ui_font(FontSize.RANGE)
        metrics = QFontMetricsF(font)
        width = max(area.width(), LEAST_TILE)
        room = QRectF(area.left(), area.bottom() + 4, width, NOTE_ROW - 4)
        painter.setFont(font)
        painter.setPen(tokens.color("accent" if cell.busy else "muted"))
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, cell.moment)
        left = width - metrics.horizontalAdvance(cell.moment) - Space.S
        # Where there is little room, the number alone.
        for measure in (cell.measure, cell.measure.removeprefix("RMS ").replace("reference", "ref.")):
            if metrics.horizontalAdvance(measure) <= left:
                painter.setPen(tokens.color("accent" if index == self._reference else "text"))
                painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, measure)
                break

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_current(self.cell_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self._set_current(index)
            self.cell_chosen.emit(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self.cell_opened.emit(index)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and not self.hasFocus():
            self._set_current(None)
        return super().viewportEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    def zoom(self, by: int) -> None:
        """Larger or smaller pictures by whole multiples; 0 for as large as fits."""
        if self._layout is None:
            return
        other = TableLayout(self._layout.shape, self._layout.scale + by, self._layout.ratio)
        if by == 0:
            self._zoom = 0
        elif other.scale >= 1 and max(other.tile.width(), other.tile.height()) <= 3 * LARGEST_TILE:
            self._zoom += by
        self._lay_out()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._shape is None or not self._pressed(event.key(), event.modifiers()):
            event.ignore()

    def _pressed(self, key: int, modifiers: Qt.KeyboardModifier) -> bool:
        assert self._shape is not None
        columns = len(self._shape.columns)
        walks = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -columns,
            Qt.Key.Key_Down: columns,
        }
        zooms = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Minus: -1, Qt.Key.Key_0: 0}
        if modifiers & Qt.KeyboardModifier.ShiftModifier and key in walks:
            self._walk(walks[key])
        elif key in zooms:
            self.zoom(zooms[key])
        elif key == Qt.Key.Key_R and self._current is not None:
            self.cell_chosen.emit(self._current)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current is not None:
            self.cell_opened.emit(self._current)
        else:
            return False
        return True

    def _walk(self, by: int) -> None:
        index = self._reference if self._current is None else self._current + by
        if 0 <= index < len(self._cells):
            self._set_current(index)
            area = self._tile(index)
            origin = self._origin()
            for bar, start, end, first, last in (
                (self.horizontalScrollBar(), area.left(), area.right(), origin.x(), self.viewport().width()),
                (self.verticalScrollBar(), area.top(), area.bottom() + NOTE_ROW, origin.y(), self.viewport().height()),
            ):
                if start < first:
                    bar.setValue(bar.value() - round(first - start) - Space.XS)
                elif end > last:
                    bar.setValue(bar.value() + round(end - last) + Space.XS)

    def _set_current(self, index: int | None) -> None:
        if index != self._current:
            self._current = index
            if index is not None:
                self.setAccessibleDescription(self._cells[index].name)
            self.viewport().update()
            self.current_changed.emit(index)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    @Slot()
    def _repaint(self) -> None:
        self.viewport().update()
