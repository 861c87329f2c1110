"""The colours to paint with: greys from black to white, for coloured pictures hues as well."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import theme

_SIDE, _GAP, _MARGIN = 19, 3, 3
_GREYS = tuple((value, value, value) for value in (0, 42, 85, 128, 170, 212, 255))
_HUES = (
    *((128, 20, 60), (190, 30, 45), (236, 110, 40), (247, 200, 60), (120, 180, 60)),
    *((40, 150, 130), (60, 140, 220), (70, 70, 180), (160, 70, 160)),
    *((240, 150, 160), (250, 215, 170), (160, 110, 70), (90, 60, 45)),
    *((170, 220, 235), (30, 60, 90), (20, 90, 60), (215, 225, 130)),
)
_COLUMNS = 8


class PaintColors(QWidget):
    """Swatches, one of them chosen; a colour that was picked elsewhere stands in a swatch of its own.

    `color_changed(object)`: (red, green, blue), 0..255 each.
    """

    color_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, grey: bool = True) -> None:
        super().__init__(parent)
        self._swatches: list[tuple[int, int, int]] = [*_GREYS, *(() if grey else _HUES)]
        self._picked: tuple[int, int, int] | None = None
        self._current = len(_GREYS) - 1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour")
        self.setToolTip("Colour to paint with\nThe right mouse button picks one from the picture")
        theme().changed.connect(self.update)

    @property
    def color(self) -> tuple[int, int, int]:
        return self._all()[self._current]

    def pick(self, color: tuple[int, int, int]) -> None:
        """Take a colour from elsewhere."""
        if color in self._swatches:
            self._choose(self._swatches.index(color))
            return
        self._picked = color
        self.updateGeometry()
        self._choose(len(self._swatches))

    def sizeHint(self) -> QSize:
        rows = -(-(len(self._swatches) + 1) // _COLUMNS)
        return QSize(_COLUMNS * (_SIDE + _GAP) - _GAP + 2 * _MARGIN, rows * (_SIDE + _GAP) - _GAP + 2 * _MARGIN)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def swatch_rect(self, index: int) -> QRect:
        row, column = divmod(index, _COLUMNS)
        return QRect(_MARGIN + column * (_SIDE + _GAP), _MARGIN + row * (_SIDE + _GAP), _SIDE, _SIDE)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for index in range(len(self._all())):
            if self.swatch_rect(index).contains(event.position().toPoint()):
                self._choose(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -_COLUMNS,
            Qt.Key.Key_Down: _COLUMNS,
        }.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        elif 0 <= self._current + step < len(self._all()):
            self._choose(self._current + step)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        for index, color in enumerate(self._all()):
            rect = self.swatch_rect(index)
            painter.fillRect(rect, QColor(*color))
            painter.setPen(QPen(tokens.color("border_strong"), 1))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
            if index == self._current:
                pen = QPen(tokens.color("accent"), 2)
                pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                painter.setPen(pen)
                painter.drawRect(rect.adjusted(-1, -1, 1, 1))

    def _all(self) -> list[tuple[int, int, int]]:
        return self._swatches if self._picked is None else [*self._swatches, self._picked]

    def _choose(self, index: int) -> None:
        self._current = index
        self.setAccessibleDescription("red {}, green {}, blue {}".format(*self.color))
        self.update()
        self.color_changed.emit(self.color)
