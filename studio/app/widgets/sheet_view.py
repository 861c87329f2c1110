"""A sheet of sprites with the grid it is cut by: drag a line, and all others follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import paint_picture, picture_image, screen_image
from studio.app.theme import theme
from studio.data.sources.source import SheetGrid

_REACH = 5.0
_PADDING = 12


def empty_cells(pixels: NDArray[np.uint8], grid: SheetGrid) -> NDArray[np.bool_]:
    """Which cells of a sheet uint8 (H, W, C) are one colour all over: bool (rows, columns)."""
    columns, rows = grid.cells(pixels.shape[1], pixels.shape[0])
    if not columns or not rows:
        return np.zeros((rows, columns), dtype=bool)
    width, height = grid.cell
    xs = grid.margin[0] + np.arange(columns)[:, None] * (width + grid.gap[0]) + np.arange(width)
    ys = grid.margin[1] + np.arange(rows)[:, None] * (height + grid.gap[1]) + np.arange(height)
    cells = pixels[ys.ravel()][:, xs.ravel()].reshape(rows, height, columns, width, -1)
    return (cells == cells[:, :1, :, :1]).all(axis=(1, 3, 4))


class SheetView(QWidget):
    """`grid_dragged(SheetGrid, drag)`: the grid as the hand has it; `drag` is one object from press to release.

    The first line either way moves the margin, every other one makes the cells larger or smaller.
    """

    grid_dragged = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixels: NDArray[np.uint8] | None = None
        self._image: QImage | None = None
        self._grid: SheetGrid | None = None
        self._empty: NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)
        self._held: tuple[int, int] | None = None
        self._drag: object | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("The sheet and its grid")
        theme().changed.connect(self._repaint)

    @property
    def count(self) -> tuple[int, int]:
        """(pictures that are taken, cells that are empty)."""
        empty = int(self._empty.sum())
        skipped = empty if self._grid is not None and self._grid.skip_empty else 0
        return self._empty.size - skipped, empty

    def show_sheet(self, pixels: NDArray[np.uint8] | None) -> None:
        """Show a sheet, uint8 (H, W, C)."""
        self._pixels = pixels
        self._image = None if pixels is None else screen_image(picture_image(pixels))
        self._look()

    def show_grid(self, grid: SheetGrid | None) -> None:
        """Draw this grid over it; none where it is taken as one picture."""
        self._grid = grid
        self._look()

    def sheet_rect(self) -> QRectF:
        """Where the sheet lies: a whole multiple where it is small."""
        if self._image is None:
            return QRectF()
        space = QRectF(self.rect()).adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)
        scale = min(space.width() / self._image.width(), space.height() / self._image.height())
        ratio = self.devicePixelRatioF()
        if scale * ratio >= 1:
            scale = int(scale * ratio) / ratio
        width, height = self._image.width() * scale, self._image.height() * scale
        return QRectF(round(space.center().x() - width / 2), round(space.center().y() - height / 2), width, height)

    def sizeHint(self) -> QSize:
        return QSize(520, 420)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("canvas"))
        if self._image is None:
            painter.setPen(theme().color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Reading the sheet…")
            return
        area = self.sheet_rect()
        paint_picture(painter, area, self._image)
        if self._grid is None:
            return
        columns, rows = self._grid.cells(self._image.width(), self._image.height())
        struck = self._grid.skip_empty
        for row in range(rows):
            for column in range(columns):
                cell = self._cell(area, column, row)
                for color, width in (("#000000", 3.0), ("#FFFFFF", 1.0)):
                    painter.setPen(QPen(QColor(color), width, j=Qt.PenJoinStyle.MiterJoin))
                    painter.drawRect(cell)
                if struck and self._empty[row, column]:
                    self._strike(painter, cell)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (found := self._line_at(event.position())) is not None:
            self._held, self._drag = found, object()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is None:
            found = self._line_at(event.position())
            shapes = {0: Qt.CursorShape.SplitHCursor, 1: Qt.CursorShape.SplitVCursor}
            self.setCursor(Qt.CursorShape.ArrowCursor if found is None else shapes[found[0]])
            return
        grid = self._dragged_to(event.position())
        if grid is not None and grid != self._grid:
            self.show_grid(grid)
            self.grid_dragged.emit(grid, self._drag)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = self._drag = None

    def line_position(self, axis: int, number: int) -> float:
        """Where in the widget line `number` is, 0 the first: x for axis 0, y for axis 1."""
        assert self._grid is not None
        area = self.sheet_rect()
        offset = self._grid.margin[axis] + number * (self._grid.cell[axis] + self._grid.gap[axis])
        return (area.left(), area.top())[axis] + offset * self._scale(area)

    def _scale(self, area: QRectF) -> float:
        assert self._image is not None
        return area.width() / self._image.width()

    def _cell(self, area: QRectF, column: int, row: int) -> QRectF:
        assert self._grid is not None
        scale = self._scale(area)
        left = self._grid.margin[0] + column * (self._grid.cell[0] + self._grid.gap[0])
        top = self._grid.margin[1] + row * (self._grid.cell[1] + self._grid.gap[1])
        return QRectF(
            area.left() + left * scale + 0.5,
            area.top() + top * scale + 0.5,
            self._grid.cell[0] * scale - 1,
            self._grid.cell[1] * scale - 1,
        )

    def _line_at(self, position: QPointF) -> tuple[int, int] | None:
        """(axis, number) of a line near this place."""
        if self._grid is None or self._image is None:
            return None
        cells = self._grid.cells(self._image.width(), self._image.height())
        for axis, place in ((0, position.x()), (1, position.y())):
            for number in range(cells[axis] + 1):
                if abs(place - self.line_position(axis, number)) <= _REACH:
                    return axis, number
        return None

    def _dragged_to(self, position: QPointF) -> SheetGrid | None:
        assert self._grid is not None
        assert self._held is not None
        assert self._image is not None
        axis, number = self._held
        area = self.sheet_rect()
        start = (area.left(), area.top())[axis]
        pixel = ((position.x(), position.y())[axis] - start) / self._scale(area)
        side = (self._image.width(), self._image.height())[axis]
        grid = self._grid
        if number == 0:
            margin = min(max(0, round(pixel)), side - 1)
            return replace(grid, margin=_with(grid.margin, axis, margin))
        cell = round((pixel - grid.margin[axis]) / number) - grid.gap[axis]
        return replace(grid, cell=_with(grid.cell, axis, min(max(2, cell), side)))

    def _look(self) -> None:
        known = self._pixels is not None and self._grid is not None
        self._empty = empty_cells(self._pixels, self._grid) if known else np.zeros((0, 0), dtype=bool)
        self.update()

    @staticmethod
    def _strike(painter: QPainter, cell: QRectF) -> None:
        for color, width in (("#000000", 3.6), (theme().color("error"), 1.8)):
            painter.setPen(QPen(QColor(color), width))
            painter.drawLine(cell.bottomLeft(), cell.topRight())

    @Slot()
    def _repaint(self) -> None:
        self.update()


def _with(pair: tuple[int, int], axis: int, value: int) -> tuple[int, int]:
    return (value, pair[1]) if axis == 0 else (pair[0], value)
