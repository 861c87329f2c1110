"""How many pictures each class has: a thumbnail, a name, a bar, a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import paint_picture, picture_image
from studio.app.theme import FontSize, Space, theme, ui_font

ROW_HEIGHT = 19
THUMBNAIL = 17
BAR_HEIGHT = 5


@dataclass(frozen=True, eq=False)
class ClassShare:
    """A class, its number of pictures, and one of them as uint8 (H, W, C)."""

    name: str
    count: int
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)


class ClassBars(QWidget):
    """One row a class; bars are measured against the fullest class."""

    chosen = Signal(str)
    """The class whose row was clicked."""
    renamed = Signal(str)
    """The class whose row was double-clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._shares: tuple[ClassShare, ...] = ()
        self._images: tuple[QImage | None, ...] = ()
        theme().changed.connect(self._retheme)

    @property
    def shares(self) -> tuple[ClassShare, ...]:
        return self._shares

    def set_shares(self, shares: Sequence[ClassShare]) -> None:
        """Show these classes in this order."""
        self._shares = tuple(shares)
        self._images = tuple(None if s.picture is None else picture_image(s.picture) for s in self._shares)
        self.setFixedHeight(ROW_HEIGHT * len(self._shares))
        self.setAccessibleName("Classes: " + ", ".join(f"{s.name} {s.count:,}" for s in self._shares))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(260, ROW_HEIGHT * len(self._shares))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._shares:
            return
        painter = QPainter(self)
        painter.setFont(ui_font(FontSize.LABEL))
        metrics = painter.fontMetrics()
        most = max(share.count for share in self._shares)
        count_width = metrics.horizontalAdvance(f"{most:,}") + 2
        longest = max(metrics.horizontalAdvance(share.name) for share in self._shares)
        name_left = THUMBNAIL + Space.S
        name_width = min(longest + 2, round(0.36 * self.width()))
        bar_left = name_left + name_width + Space.M
        bar_width = max(10, self.width() - bar_left - count_width - Space.S)
        for row, share in enumerate(self._shares):
            top = row * ROW_HEIGHT
            if top > event.rect().bottom() or top + ROW_HEIGHT < event.rect().top():
                continue
            self._paint_thumbnail(painter, top, self._images[row])
            line = QRectF(name_left, top, name_width, ROW_HEIGHT)
            painter.setPen(theme().color("text"))
            words = metrics.elidedText(share.name, Qt.TextElideMode.ElideRight, name_width)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, words)
            bar = QRectF(bar_left, top + (ROW_HEIGHT - BAR_HEIGHT) // 2, bar_width, BAR_HEIGHT)
            painter.fillRect(bar, theme().color("hover"))
            bar.setWidth(bar_width * share.count / max(most, 1))
            painter.fillRect(bar, theme().color("d1"))
            painter.setPen(theme().color("muted"))
            place = QRectF(self.width() - count_width, top, count_width, ROW_HEIGHT)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{share.count:,}")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (share := self._share_at(event)) is not None:
            self.chosen.emit(share.name)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (share := self._share_at(event)) is not None:
            self.renamed.emit(share.name)

    def _share_at(self, event: QMouseEvent) -> ClassShare | None:
        row = int(event.position().y() // ROW_HEIGHT)
        return self._shares[row] if 0 <= row < len(self._shares) else None

    @staticmethod
    def _paint_thumbnail(painter: QPainter, top: int, image: QImage | None) -> None:
        if image is None:
            return
        side = THUMBNAIL
        scale = side / max(image.width(), image.height())
        # Whole multiples where the picture is small enough; larger pictures are only hinted at.
        scale = max(1, int(scale)) if scale >= 1 else scale
        width, height = image.width() * scale, image.height() * scale
        target = QRectF((side - width) // 2, top + (ROW_HEIGHT - height) // 2, width, height)
        paint_picture(painter, target, image)

    @Slot()
    def _retheme(self) -> None:
        self.update()
