"""One picture, large: whole multiples of its pixels, none of them smoothed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import theme
from studio.app.widgets.pixel_values import paint_pixel_values
from studio.app.widgets.shown_picture import ShownPicture, ShowsPicture

_EDGE = 3
_DECIMALS = 2


class PictureView(ShowsPicture, QWidget):
    """Shows one picture as large as whole multiples allow.

    `pixel_hovered(x, y)` follows the mouse and `left()` says it went; `pixel_marked(x, y)` comes when a pixel was
    clicked or reached with the arrow keys: it wears a black line with a white one around it. Positions are pixels of
    the picture. `edge_role` names the token of the 3 px line above, None for none.
    """

    pixel_hovered = Signal(int, int)
    left = Signal()
    pixel_marked = Signal(int, int)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        edge_role: str | None = None,
        name: str = "Picture",
        alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignCenter,
        ground: str | None = None,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._edge_role = edge_role
        self._alignment = alignment
        self._ground = ground
        self._shown: ShownPicture | None = None
        self._image: QImage | None = None
        self._mark: QPoint | None = None
        self._hovered: tuple[int, int] | None = None
        self._focus_by_key = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("ownFocusMark", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        theme().changed.connect(self._recolor)

    def clear(self) -> None:
        """Shows nothing."""
        self._shown = None
        self._image = None
        self.update()

    def mark(self) -> tuple[int, int] | None:
        """The marked pixel (x, y)."""
        return None if self._mark is None else (self._mark.x(), self._mark.y())

    def set_mark(self, pixel: tuple[int, int] | None) -> None:
        """Marks a pixel (x, y) or none; emits nothing."""
        self._mark = None if pixel is None else QPoint(*pixel)
        self.update()

    def picture_rect(self) -> QRectF:
        """Where the picture lies in the widget; empty without one."""
        if self._image is None:
            return QRectF()
        edge = _EDGE if self._edge_role else 0
        space = QRectF(self.rect()).adjusted(0, edge, 0, 0)
        return fitted_rect(self._image.size(), space, self.devicePixelRatioF(), self._alignment)

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 64)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.pixel_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        pixel = self.pixel_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and pixel is not None:
            self._move_mark(*pixel)
        else:
            super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }.get(event.key())
        if step is None or self._shown is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
            return
        x, y = self.mark() or (self._shown.width // 2, self._shown.height // 2)
        moved = self._mark is not None
        self._move_mark(
            min(self._shown.width - 1, max(0, x + step[0] * moved)),
            min(self._shown.height - 1, max(0, y + step[1] * moved)),
        )

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._focus_by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._focus_by_key = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        if self._ground:
            painter.fillRect(self.rect(), tokens.color(self._ground))
        if self._image is None or self._shown is None:
            return
        area = self.picture_rect()
        paint_picture(painter, area, self._image)
        paint_pixel_values(painter, area, self._shown, self._image, _DECIMALS)
        if self._edge_role:
            painter.fillRect(
                QRectF(area.left(), area.top() - _EDGE, area.width(), _EDGE), tokens.color(self._edge_role)
            )
        if self._mark is not None and self._mark.x() < self._shown.width and self._mark.y() < self._shown.height:
            step_x = area.width() / self._shown.width
            step_y = area.height() / self._shown.height
            corner = QPointF(area.left() + self._mark.x() * step_x, area.top() + self._mark.y() * step_y)
            paint_mark(painter, QRectF(corner.x(), corner.y(), step_x, step_y))
        if self._focus_by_key:
            # Inside the picture: it may reach to the widget's very edge.
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawRect(area.adjusted(1, 1, -1, -1))

    def _show(self, shown: ShownPicture) -> None:
        self._image = shown.image()
        self._shown = shown
        self.setAccessibleName(f"{self._name}, {shown.width} by {shown.height} pixels")
        self.update()

    def _move_mark(self, x: int, y: int) -> None:
        self.set_mark((x, y))
        self.pixel_marked.emit(x, y)

    @Slot()
    def _recolor(self) -> None:
        if self._shown is not None and self._shown.reading == "signed":
            self._image = self._shown.image()
        self.update()


def paint_mark(painter: QPainter, cell: QRectF) -> None:
    """Marks a pixel so that it shows on every grey: a black line with a white line around it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for color, reach in (("#FFFFFF", 1.5), ("#000000", 0.0)):
        pen = QPen(QColor(color), 1.5)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(cell.adjusted(-reach, -reach, reach, reach))
    painter.restore()
