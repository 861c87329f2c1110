"""A picture to paint on: large, pixel by pixel, with the brush's outline under the mouse."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from studio.app.widgets.picture_view import PictureView


class PaintView(PictureView):
    """Tells where the brush goes, in pixels of the picture: `(0.0, 0.0)` is its top left corner.

    The arrow keys move the brush and Space puts it down; the wheel and the keys [ and ] ask for another size. The
    right mouse button picks a colour.
    """

    stroke_began = Signal(float, float)
    stroke_moved = Signal(float, float)
    stroke_ended = Signal()
    size_step = Signal(int)
    """+1 for a larger brush, −1 for a smaller one."""
    color_picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None, *, name: str = "Painting") -> None:
        corner = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        super().__init__(parent, edge_role="text", name=name, alignment=corner)
        self._diameter = 3.0
        self._brush_at: tuple[float, float] | None = None
        self._painting = False
        self._wheel = 0
        self.setCursor(Qt.CursorShape.CrossCursor)

    def set_diameter(self, diameter: float) -> None:
        """The brush's size in pixels of the picture."""
        self._diameter = diameter
        self.update()

    def place_at(self, position: QPointF) -> tuple[float, float] | None:
        """A position of the widget in pixels of the picture, which may lie outside; None without a picture."""
        area = self.picture_rect()
        if self._shown is None or area.isEmpty():
            return None
        return (
            (position.x() - area.left()) / area.width() * self._shown.width,
            (position.y() - area.top()) / area.height() * self._shown.height,
        )

    def sizeHint(self) -> QSize:
        return QSize(480, 480)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place, pixel = self.place_at(event.position()), self.pixel_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._painting, self._brush_at = True, place
            self.stroke_began.emit(*place)
        elif event.button() == Qt.MouseButton.RightButton and pixel is not None:
            self.color_picked.emit(*pixel)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._brush_at = self.place_at(event.position())
        if self._painting and self._brush_at is not None:
            self.stroke_moved.emit(*self._brush_at)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._painting:
            self._painting = False
            self.stroke_ended.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if not self._painting:
            self._brush_at = None
            self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._wheel += event.angleDelta().y()
        steps, self._wheel = int(self._wheel / 120), self._wheel - 120 * int(self._wheel / 120)
        if steps:
            self.size_step.emit(1 if steps > 0 else -1)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        key = Qt.Key(event.key())
        if self._shown is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            event.ignore()
            return
        width, height = self._shown.width, self._shown.height
        if key in moves:
            x, y = self._brush_at or (width / 2, height / 2)
            step = moves[key]
            # On the middles of pixels, where a brush covers what its outline shows.
            self._brush_at = (
                min(max(int(x) + step[0], 0), width - 1) + 0.5,
                min(max(int(y) + step[1], 0), height - 1) + 0.5,
            )
            self.update()
        elif key == Qt.Key.Key_Space:
            self._brush_at = self._brush_at or (width // 2 + 0.5, height // 2 + 0.5)
            self.stroke_began.emit(*self._brush_at)
            self.stroke_ended.emit()
            self.update()
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self.size_step.emit(1 if key == Qt.Key.Key_BracketRight else -1)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._brush_at is None or self._shown is None:
            return
        area = self.picture_rect()
        scale = area.width() / self._shown.width
        radius = max(self._diameter, 1.0) / 2 * scale
        center = QPointF(area.left() + self._brush_at[0] * scale, area.top() + self._brush_at[1] * scale)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(area)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, reach in (("#FFFFFF", 1.25), ("#000000", 0.0)):
            painter.setPen(QPen(QColor(color), 1.25))
            painter.drawEllipse(
                QRectF(center.x() - radius, center.y() - radius, 2 * radius, 2 * radius).adjusted(
                    -reach, -reach, reach, reach
                )
            )
        painter.end()
