"""Prepared pictures at whole multiples, side by side: one, or the pieces that a picture was cut into."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import paint_picture, screen_images
from studio.app.theme import FontSize, theme, ui_font

GAP = 3
MOST = 64
LARGEST_MULTIPLE = 24


class ResultView(QWidget):
    """Pictures uint8 (h, w, C) of one size, all enlarged by the same whole number, as large as there is room."""

    resized = Signal()
    """`multiple` may be another one."""

    def __init__(self, parent: QWidget | None = None, *, name: str = "As it will be", height: int = 120) -> None:
        super().__init__(parent)
        self._images: list[QImage] = []
        self._height = height
        self._more = 0
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self._repaint)

    def show_pictures(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        """Show these; of very many the first ones."""
        shown = list(pictures[:MOST])
        self._images = screen_images(np.stack(shown)) if shown else []
        self._more = len(pictures) - len(shown)
        self.update()

    @property
    def multiple(self) -> int:
        """Device pixels that a pixel is wide; 1 also where pictures had to be made smaller."""
        return self._arrangement()[1] if self._images else 1

    def sizeHint(self) -> QSize:
        return QSize(200, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, min(self._height, 56))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("canvas"))
        if not self._images:
            return
        columns, multiple, shrink = self._arrangement()
        ratio = self.devicePixelRatioF()
        width = self._images[0].width() * multiple / shrink / ratio
        height = self._images[0].height() * multiple / shrink / ratio
        rows = -(-len(self._images) // columns)
        left = round((self.width() - columns * width - (columns - 1) * GAP) / 2)
        top = round((self.height() - rows * height - (rows - 1) * GAP) / 2)
        for number, image in enumerate(self._images):
            row, column = divmod(number, columns)
            target = QRectF(left + column * (width + GAP), top + row * (height + GAP), width, height)
            paint_picture(painter, target, image)
        if self._more > 0:
            painter.setFont(ui_font(FontSize.RANGE))
            painter.setPen(theme().color("muted"))
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
            painter.drawText(self.rect().adjusted(0, 0, -4, -2), flags, f"and {self._more:,} more")

    def _arrangement(self) -> tuple[int, int, int]:
        """(columns, multiple, shrink): the largest multiple with which all fit; else shrunk to fit."""
        ratio = self.devicePixelRatioF()
        width, height = self._images[0].width() / ratio, self._images[0].height() / ratio
        count = len(self._images)
        for multiple in range(LARGEST_MULTIPLE, 0, -1):
            columns = int((self.width() + GAP) // (width * multiple + GAP))
            if columns and -(-count // columns) * (height * multiple + GAP) - GAP <= self.height():
                return min(columns, count), multiple, 1
        for shrink in range(2, 64):
            columns = int((self.width() + GAP) // (width / shrink + GAP))
            if columns and -(-count // columns) * (height / shrink + GAP) - GAP <= self.height():
                return min(columns, count), 1, shrink
        return 1, 1, 64

    @Slot()
    def _repaint(self) -> None:
        self.update()
