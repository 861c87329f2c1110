"""Two-pixel pictures as points of a plane: the data faint, what the model draws now bright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.curve_look import weakened

MOST_POINTS = 2000
_SIDE = 236


class PointCloud(QWidget):
    """Pixel 1 across, pixel 2 upwards, black to white. The data are drawn once and kept."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(_SIDE, _SIDE + 40)
        self.setAccessibleName("Two-pixel pictures as points")
        self.setToolTip("Each point is a picture of two pixels: left one across, right one upwards.")
        self._data = np.zeros((0, 2))
        self._samples = np.zeros((0, 2))
        self._ground: QPixmap | None = None
        theme().changed.connect(self._retheme)

    def set_data(self, images: NDArray[np.uint8] | None) -> None:
        """The training pictures, uint8 (N, 1, 2, 1); None for none."""
        self._data = _points(images)[:MOST_POINTS]
        self._ground = None
        self.update()

    def set_samples(self, images: NDArray[np.uint8] | None) -> None:
        """What the model drew, uint8 (N, 1, 2, 1); pictures of other sizes show nothing."""
        self._samples = _points(images)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._ground is None or self._ground.devicePixelRatio() != self.devicePixelRatioF():
            self._ground = self._paint_ground()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color("field"), 1))
        painter.setBrush(theme().color("d3"))
        for place in self._places(self._samples):
            painter.drawEllipse(place, 4.0, 4.0)

    def _paint_ground(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        ground = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        ground.setDevicePixelRatio(ratio)
        ground.fill(Qt.GlobalColor.transparent)
        painter = QPainter(ground)
        frame = self._frame()
        painter.fillRect(frame, theme().color("field"))
        painter.setPen(QPen(theme().color("border"), 1))
        painter.drawRect(frame)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(weakened(theme().color("d1"), 0.5))
        for place in self._places(self._data):
            painter.drawEllipse(place, 1.2, 1.2)
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        below = QRectF(frame.left(), frame.bottom() + 3, frame.width(), 16)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "left pixel black")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, "white")
        painter.setPen(theme().color("text"))
        painter.drawText(QRectF(frame.left(), 0, frame.width(), 20), Qt.AlignmentFlag.AlignVCenter, "data and samples")
        painter.end()
        return ground

    def _frame(self) -> QRectF:
        return QRectF(6, 20, _SIDE - 14, _SIDE - 14)

    def _places(self, points: NDArray[np.float64]) -> list[QPointF]:
        frame = self._frame()
        # Half a point's width of air, so that black and white pictures are not cut by the frame.
        left, bottom, side = frame.left() + 5, frame.bottom() - 5, frame.width() - 10
        return [QPointF(left + x * side, bottom - y * side) for x, y in points.tolist()]

    @Slot()
    def _retheme(self) -> None:
        self._ground = None
        self.update()


def _points(images: NDArray[np.uint8] | None) -> NDArray[np.float64]:
    if images is None or images.shape[1:] != (1, 2, 1):
        return np.zeros((0, 2))
    return images.reshape(-1, 2) / 255.0
