"""A picture on its way to noise: the same picture and the same noise at a row of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import paint_picture, picture_image
from studio.app.theme import FontSize, theme, ui_font

GAP = 6
LABEL_HEIGHT = 18
LARGEST_CELL = 72


class DiffusionStrip(QWidget):
    """Pictures with the step below each; the one under the pointer, or nearest to the shared cursor, is marked."""

    hovered = Signal(object)
    """The step (1-based; 0 is the picture itself) under the pointer, None when it left."""
    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("The picture on its way to noise")
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._images: tuple[QImage, ...] = ()
        self._steps: tuple[int, ...] = ()
        self._marked: int | None = None
        theme().changed.connect(self._retheme)

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps shown, 1-based; 0 is the picture itself."""
        return self._steps

    @property
    def marked(self) -> int | None:
        """The position in the strip that is marked."""
        return self._marked

    def set_pictures(self, pictures: NDArray[np.uint8], steps: Sequence[int]) -> None:
        """Show uint8 (N, H, W, C) with N steps; none clears the strip."""
        resized = not self._images or not len(pictures) or self._images[0].height() != pictures.shape[1]
        self._images = tuple(picture_image(picture) for picture in pictures)
        self._steps = tuple(steps)
        if resized:
            self.updateGeometry()
        self.update()

    def mark_step(self, step: int | None) -> None:
        """Mark the picture nearest to a step (1-based), or none."""
        marked = None
        if step is not None and self._steps:
            marked = int(np.argmin([abs(shown - step) for shown in self._steps]))
        if marked != self._marked:
            self._marked = marked
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(10 * (48 + GAP), self._cell()[1] + LABEL_HEIGHT + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def resizeEvent(self, event: QEvent) -> None:
        self.updateGeometry()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = int((event.position().x()) // (self._cell()[0] + GAP))
        self.hovered.emit(self._steps[index] if 0 <= index < len(self._steps) else None)

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        width, height = self._cell()
        for index, (image, step) in enumerate(zip(self._images, self._steps, strict=True)):
            target = QRectF(index * (width + GAP) + 1, 1, width, height)
            paint_picture(painter, target, image)
            marked = index == self._marked
            if marked:
                painter.setPen(QPen(theme().color("accent"), 1))
                painter.drawRect(target.adjusted(-0.5, -0.5, 0, 0))
            painter.setFont(ui_font(FontSize.RANGE, 600 if marked else 400))
            painter.setPen(theme().color("text" if marked else "muted"))
            place = QRectF(target.left() - GAP, target.bottom() + 2, width + 2 * GAP, LABEL_HEIGHT - 2)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{step:,}")

    def _cell(self) -> tuple[float, float]:
        """Width and height of a cell: a whole multiple of the picture, as large as the width allows."""
        if not self._images:
            return 48.0, 48.0
        image, ratio = self._images[0], self.devicePixelRatioF()
        room = min((self.width() - 2) / len(self._images) - GAP, LARGEST_CELL)
        multiple = max(1, int(min(room * ratio / image.width(), LARGEST_CELL * ratio / image.height())))
        return image.width() * multiple / ratio, image.height() * multiple / ratio

    @Slot()
    def _retheme(self) -> None:
        self.update()
