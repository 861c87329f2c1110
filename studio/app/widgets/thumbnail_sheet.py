"""As many pictures of a data set as fit, side by side at a whole multiple: a glance at what there is."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Signal, Slot
from PySide6.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.app.imaging import paint_picture, picture_image
from studio.app.theme import theme
from studio.data.image_set import ImageSet

GAP = 2
SMALLEST_CELL = 26
LARGEST_CELL = 96


class ThumbnailSheet(QWidget):
    """A still sample of an ImageSet, drawn once for each size of the widget; pictures are chosen by a fixed shuffle."""

    shown_changed = Signal(object)
    """How many pictures are shown."""
    picture_clicked = Signal(object)
    """The position in the set of a picture that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Pictures of the data set")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(60)
        self._image_set: ImageSet | None = None
        self._order = np.zeros(0, dtype=np.int64)
        self._sheet: QImage | None = None
        self._columns = self._rows = 0
        self._cell_width = self._cell_height = 1.0
        theme().changed.connect(self._retheme)

    @property
    def shown(self) -> int:
        """How many pictures are shown."""
        return min(self._columns * self._rows, len(self._order))

    def set_image_set(self, image_set: ImageSet | None) -> None:
        """Show another set."""
        self._image_set = image_set
        count = 0 if image_set is None else image_set.count
        self._order = np.random.default_rng(0).permutation(count)
        self._compose()

    def position_at(self, x: float, y: float) -> int | None:
        """The position in the set of the picture at a place of the widget."""
        column, row = int(x // (self._cell_width + GAP)), int(y // (self._cell_height + GAP))
        index = row * self._columns + column
        if 0 <= column < self._columns and 0 <= row < self._rows and index < len(self._order):
            return int(self._order[index])
        return None

    def sizeHint(self) -> QSize:
        return QSize(268, 240)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._compose()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._sheet is None or self._image_set is None:
            return
        painter = QPainter(self)
        height, width = self._image_set.height, self._image_set.width
        for index in range(self.shown):
            row, column = divmod(index, self._columns)
            target = QRectF(
                column * (self._cell_width + GAP),
                row * (self._cell_height + GAP),
                self._cell_width,
                self._cell_height,
            )
            if target.toAlignedRect().intersects(event.rect()):
                piece = self._sheet.copy(0, index * height, width, height)
                paint_picture(painter, target, piece)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            position = self.position_at(event.pos().x(), event.pos().y())
            if position is None or self._image_set is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), _describe(self._image_set, position), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        position = self.position_at(event.position().x(), event.position().y())
        if position is not None:
            self.picture_clicked.emit(position)

    def _compose(self) -> None:
        before = self.shown
        self._sheet = None
        self._columns = self._rows = 0
        if self._image_set is not None and self.width() > 0:
            self._lay_out(self._image_set)
        self.update()
        if self.shown != before:
            self.shown_changed.emit(self.shown)

    def _lay_out(self, image_set: ImageSet) -> None:
        ratio = self.devicePixelRatioF()
        multiple = _multiple(image_set.width, image_set.height, image_set.count, self.width(), self.height(), ratio)
        self._cell_width = image_set.width * multiple / ratio
        self._cell_height = image_set.height * multiple / ratio
        self._columns = max(1, int((self.width() + GAP) // (self._cell_width + GAP)))
        self._rows = max(1, int((self.height() + GAP) // (self._cell_height + GAP)))
        # One tall image holds all, so that the set itself need not be read again to paint.
        chosen = np.sort(self._order[: self.shown])
        place = np.argsort(np.argsort(self._order[: self.shown]))
        pictures = np.ascontiguousarray(image_set.images[chosen])[place]
        self._sheet = picture_image(pictures.reshape(-1, image_set.width, image_set.channels))

    @Slot()
    def _retheme(self) -> None:
        self.update()


def _multiple(width: int, height: int, count: int, room_x: float, room_y: float, ratio: float) -> int:
    """Device pixels per picture pixel: small pictures grow to a size that can be seen, few pictures fill the room."""
    smallest = max(1, math.ceil(SMALLEST_CELL * ratio / max(width, height)))
    multiple = smallest
    while True:
        side_x, side_y = width * (multiple + 1) / ratio, height * (multiple + 1) / ratio
        columns, rows = int((room_x + GAP) // (side_x + GAP)), int((room_y + GAP) // (side_y + GAP))
        if columns * rows < count or max(side_x, side_y) > LARGEST_CELL:
            return multiple
        multiple += 1


def _describe(image_set: ImageSet, position: int) -> str:
    source = image_set.sources[position] if image_set.sources else f"picture {position + 1:,}"
    if image_set.labels is None:
        return source
    return f"{source}\n{image_set.class_names[int(image_set.labels[position])]}"
