"""A picture with what will be kept of it: drag, or press the arrow keys, to say where to look."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import theme

_HANDLE = 7.0
_SHADE = 0.62


class CropView(QWidget):
    """The whole picture; what is cut off lies in the shade.

    `focus_moved(x, y, drag)` comes while the focus is dragged or moved by keys, in shares of the picture; `drag` is one
    object from press to release. `focus_reset()` comes with a double click or Home.
    """

    focus_moved = Signal(float, float, object)
    focus_reset = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._boxes: tuple[QRectF, ...] = ()
        self._focus = QPointF(0.5, 0.5)
        self._movable = False
        self._drag: object | None = None
        self._focus_by_key = False
        self._words = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("ownFocusMark", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("The picture, and what is kept of it")
        theme().changed.connect(self._repaint)

    @property
    def movable(self) -> bool:
        """Whether something is cut off, so that there is a choice where."""
        return self._movable

    @property
    def boxes(self) -> tuple[QRectF, ...]:
        """What is kept, in shares of the picture."""
        return self._boxes

    def show_picture(
        self,
        image: QImage | None,
        boxes: Sequence[tuple[float, float, float, float]] = (),
        focus: tuple[float, float] = (0.5, 0.5),
        *,
        movable: bool = False,
        words: str = "",
    ) -> None:
        """Show a picture with the parts that are kept, (left, top, width, height) in shares of it.

        words: stand in its place where there is no picture.
        """
        self._image = image
        self._boxes = tuple(QRectF(*box) for box in boxes)
        self._focus = QPointF(*focus)
        self._movable = movable
        self._words = words
        self.setCursor(Qt.CursorShape.CrossCursor if movable else Qt.CursorShape.ArrowCursor)
        self.setToolTip("Drag to choose what stays in view. Double-click for the middle." if movable else "")
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture lies; empty without one."""
        if self._image is None:
            return QRectF()
        space = QRectF(self.rect())
        width, height = self._image.width(), self._image.height()
        ratio = self.devicePixelRatioF()
        if width <= space.width() * ratio and height <= space.height() * ratio:
            return fitted_rect(self._image.size(), space, ratio, Qt.AlignmentFlag.AlignCenter)
        scale = min(space.width() / width, space.height() / height)
        shown = QSize(max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = (self.width() - shown.width()) // 2, (self.height() - shown.height()) // 2
        return QRectF(left, top, shown.width(), shown.height())

    def sizeHint(self) -> QSize:
        return QSize(280, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 90)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("canvas"))
        if self._image is None:
            painter.setPen(theme().color("muted"))
            flags = Qt.AlignmentFlag.AlignCenter.value | Qt.TextFlag.TextWordWrap.value
            painter.drawText(self.rect().adjusted(12, 12, -12, -12), flags, self._words)
            return
        area = self.picture_rect()
        paint_picture(painter, area, self._image)
        kept = [self._on_screen(box, area) for box in self._boxes]
        self._paint_shade(painter, area, kept)
        for box in kept:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for color, width in (("#000000", 3.0), ("#FFFFFF", 1.0)):
                painter.setPen(QPen(QColor(color), width, j=Qt.PenJoinStyle.MiterJoin))
                painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        if self._movable:
            self._paint_handle(painter, area)
        if self._focus_by_key:
            painter.setPen(QPen(theme().color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._movable:
            self._drag = object()
            self._move_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is not None:
            self._move_to(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._movable:
            self.focus_reset.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }.get(event.key())
        if self._movable and event.key() == Qt.Key.Key_Home:
            self.focus_reset.emit()
        elif self._movable and step is not None and self._image is not None:
            reach = 0.1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0.02
            self._tell(self._focus.x() + step[0] * reach, self._focus.y() + step[1] * reach, None)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._focus_by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._focus_by_key = False
        self.update()

    def _move_to(self, position: QPointF) -> None:
        area = self.picture_rect()
        if area.isEmpty():
            return
        self._tell((position.x() - area.left()) / area.width(), (position.y() - area.top()) / area.height(), self._drag)

    def _tell(self, x: float, y: float, drag: object) -> None:
        x, y = min(1.0, max(0.0, x)), min(1.0, max(0.0, y))
        self.focus_moved.emit(x, y, drag)

    @staticmethod
    def _on_screen(box: QRectF, area: QRectF) -> QRectF:
        return QRectF(
            area.left() + box.left() * area.width(),
            area.top() + box.top() * area.height(),
            box.width() * area.width(),
            box.height() * area.height(),
        )

    @staticmethod
    def _paint_shade(painter: QPainter, area: QRectF, kept: list[QRectF]) -> None:
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.OddEvenFill)
        path.addRect(area)
        inside = QPainterPath()
        for box in kept:
            inside.addRect(box)
        shade = QColor("#000000")
        shade.setAlphaF(_SHADE)
        painter.fillPath(path.subtracted(inside.simplified()) if kept else QPainterPath(), shade)

    def _paint_handle(self, painter: QPainter, area: QRectF) -> None:
        place = QPointF(area.left() + self._focus.x() * area.width(), area.top() + self._focus.y() * area.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, width in (("#000000", 3.4), ("#FFFFFF", 1.6)):
            painter.setPen(QPen(QColor(color), width))
            painter.drawEllipse(place, _HANDLE, _HANDLE)
            painter.drawPoint(place)
        painter.restore()

    @Slot()
    def _repaint(self) -> None:
        self.update()
