"""From pure noise to the pictures: little densities along the way, and a playhead that is dragged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import theme
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.plane_ground import cloud_image

SIDE = 40
_FRAME = 2
_COARSE_SHARE, _FINE_SHARE = 10, 100


class PlaneTimeStrip(QWidget):
    """t from T−1 at the left to 0 at the right, in equal steps.

    ← and → go a hundredth of the way, with Shift a single step; Page Up and Down a tenth; Home is noise, End the
    pictures.
    """

    seek_requested = Signal(int)
    """t, 0-based."""
    play_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._step_count = 1000
        self._t = 0
        self._thumbnails: tuple[tuple[int, NDArray[np.floating]], ...] = ()
        self._now: NDArray[np.floating] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(SIDE + 8)
        self.setAccessibleName("From noise to pictures")
        self.setToolTip(tooltip_text("Drag to move through the noise levels", "← →", "Home, End; Space plays"))
        theme().changed.connect(self._retheme)

    @property
    def t(self) -> int:
        return self._t

    def set_moment(self, t: int, now: NDArray[np.floating] | None) -> None:
        """Move the playhead; `now` is the density there, (rows, columns) in 0..1."""
        self._t, self._now = t, now
        self.setAccessibleDescription(f"t = {t + 1}")
        self.update()

    def set_thumbnails(self, step_count: int, thumbnails: Sequence[tuple[int, NDArray[np.floating]]]) -> None:
        """(t, density) pairs, in the order of falling t."""
        self._step_count, self._thumbnails = step_count, tuple(thumbnails)
        self.update()

    def x_of(self, t: float) -> float:
        """Where a moment lies."""
        share = 1.0 - t / max(self._step_count - 1, 1)
        return SIDE / 2 + 2 + share * (self.width() - SIDE - 4)

    def t_at(self, x: float) -> int:
        """Which moment lies there, the nearest there is."""
        share = (x - SIDE / 2 - 2) / max(self.width() - SIDE - 4, 1)
        return round((1.0 - min(max(share, 0.0), 1.0)) * (self._step_count - 1))

    def sizeHint(self) -> QSize:
        return QSize(480, SIDE + 8)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, SIDE + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        middle = self.height() / 2
        painter.fillRect(QRectF(SIDE / 2, middle - 1.5, self.width() - SIDE, 3), theme().color("hover"))
        last = -float(SIDE)
        for t, values in self._thumbnails:
            x = self.x_of(t)
            # In a narrow window those that would lie on each other are left out; the ends stay.
            if x - last < SIDE + 6 or (t > 0 and self.x_of(0) - x < SIDE + 6):
                continue
            last = x
            if self._now is not None and abs(x - self.x_of(self._t)) < SIDE + 3:
                continue
            painter.drawImage(self._square(x), cloud_image(values))
            painter.setPen(QPen(theme().color("border"), 1))
            painter.drawRect(self._square(x).adjusted(0, 0, -1, -1))
        self._paint_playhead(painter)
        painter.end()

    def _paint_playhead(self, painter: QPainter) -> None:
        x = round(self.x_of(self._t))
        accent = theme().color("accent")
        if self._now is not None:
            square = self._square(x).adjusted(-1, -1, 1, 1)
            painter.drawImage(square, cloud_image(self._now))
            painter.setPen(QPen(accent, _FRAME))
            painter.drawRect(square)
        painter.setPen(QPen(accent, 1.5))
        painter.drawLine(QLineF(x, 0, x, self.height()))
        if self._now is None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(accent)
            painter.drawEllipse(QPointF(x, self.height() / 2), 6, 6)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self.hasFocus():
            painter.setPen(QPen(accent, 1, Qt.PenStyle.DotLine))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    def _square(self, x: float) -> QRectF:
        return QRectF(round(x - SIDE / 2), (self.height() - SIDE) / 2, SIDE, SIDE)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._seek(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() or event.angleDelta().x()
        self._go(round(steps / 120 * self._stride(_FINE_SHARE)))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.handle_key(event):
            super().keyPressEvent(event)

    def handle_key(self, event: QKeyEvent) -> bool:
        """Move or play by a key, also one pressed elsewhere; whether it was one of the strip's."""
        fine = 1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else self._stride(_FINE_SHARE)
        ways = {
            Qt.Key.Key_Left: fine,
            Qt.Key.Key_Right: -fine,
            Qt.Key.Key_PageUp: self._stride(_COARSE_SHARE),
            Qt.Key.Key_PageDown: -self._stride(_COARSE_SHARE),
            Qt.Key.Key_Home: self._step_count,
            Qt.Key.Key_End: -self._step_count,
        }
        key = Qt.Key(event.key())
        if key in ways:
            self._go(ways[key])
        elif key == Qt.Key.Key_Space:
            self.play_requested.emit()
        else:
            return False
        event.accept()
        return True

    def _stride(self, share: int) -> int:
        return max(1, round(self._step_count / share))

    def _go(self, by: int) -> None:
        self.seek_requested.emit(min(max(self._t + by, 0), self._step_count - 1))

    def _seek(self, place: QPointF) -> None:
        self.seek_requested.emit(self.t_at(place.x()))

    @Slot()
    def _retheme(self) -> None:
        self.update()
