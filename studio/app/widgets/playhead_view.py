"""What a film strip with a playhead is, whatever stands below it: drag, wheel, and a still that is drawn once."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from studio.app.theme import theme

_NOTCH = 120
"""What Qt calls one notch of a wheel."""


class PlayheadView(QWidget):
    """Subclasses draw the still and the playhead, and say which position lies under a point."""

    seek_requested = Signal(object)
    """int: the position that was pointed at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._position = 0
        self._still: QPixmap | None = None
        self._wheel = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme().changed.connect(self.redraw)

    @property
    def position(self) -> int:
        return self._position

    @Slot()
    def redraw(self) -> None:
        """Draw everything anew: the theme or the thumbnails changed."""
        self._still = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._still = None
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._still = None
        super().changeEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._seek_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek_to(event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        self._wheel += delta.y() or delta.x()
        steps = int(self._wheel / _NOTCH)
        self._wheel -= steps * _NOTCH
        if steps and self._has_film():
            self.seek_requested.emit(self._position - steps)
        event.accept()

    def _has_film(self) -> bool:
        raise NotImplementedError

    def _position_at(self, point: QPointF) -> int | None:
        """None where there is nothing to point at."""
        raise NotImplementedError

    def _seek_to(self, point: QPointF) -> None:
        position = self._position_at(point)
        if position is not None:
            self.seek_requested.emit(position)
