"""Choose one of a few things that are easier shown than said: a small drawing each, a word below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from studio.app.theme import FontSize, Size, theme, ui_font
from studio.app.widgets.labels import tooltip_text

Drawing = Callable[[QPainter, QRectF], None]
_DRAWING = QSize(40, 30)


class _Choice(QAbstractButton):
    def __init__(self, name: str, drawing: Drawing, size: QSize, tooltip: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._drawing = drawing
        self._size = size
        self.setText(name)
        self.setAccessibleName(name)
        self.setToolTip(tooltip_text(name, reason=tooltip))
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        width = QFontMetrics(ui_font(FontSize.RANGE, 600)).horizontalAdvance(self.text())
        return QSize(max(width, self._size.width()) + 8, self._size.height() + 26)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        ground = tokens.selected if on else tokens.hover if self.underMouse() else tokens.raised
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(tokens.color("border"), 1))
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(frame, Size.RADIUS, Size.RADIUS)
        if on:
            painter.fillRect(QRectF(1, self.height() - 3, self.width() - 2, 2), tokens.color("accent"))
        area = QRectF((self.width() - self._size.width()) / 2, 6, self._size.width(), self._size.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._drawing(painter, area.toAlignedRect().toRectF())
        painter.restore()
        painter.setFont(ui_font(FontSize.RANGE, 600 if on else 400))
        painter.setPen(tokens.color("selected_text" if on else "text"))
        words = QRectF(0, self._size.height() + 7, self.width(), 16)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self.text())


class PictureChoice(QWidget):
    """`options` are (value, word, drawing, reason); a drawing paints into the rectangle it is given.

    `value_changed(object)` comes with a click or an arrow key; `set_value` is silent.
    """

    value_changed = Signal(object)

    def __init__(
        self,
        options: Sequence[tuple[object, str, Drawing, str]],
        parent: QWidget | None = None,
        *,
        name: str,
        drawing_size: QSize = _DRAWING,
    ) -> None:
        super().__init__(parent)
        self._values = [value for value, _, _, _ in options]
        self._group = QButtonGroup(self)
        self._choices = [_Choice(word, drawing, drawing_size, reason, self) for _, word, drawing, reason in options]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for position, choice in enumerate(self._choices):
            self._group.addButton(choice, position)
            row.addWidget(choice, 1)
        self._group.idClicked.connect(self._choose)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_value(self._values[0])
        theme().changed.connect(self._repaint)

    def value(self) -> object:
        """The value that is on."""
        return self._values[self._group.checkedId()]

    def set_value(self, value: object) -> None:
        """Turn a value on; emits nothing. Raises ValueError when it is not an option."""
        position = self._values.index(value)
        self._choices[position].setChecked(True)
        for index, choice in enumerate(self._choices):
            choice.setFocusPolicy(Qt.FocusPolicy.StrongFocus if index == position else Qt.FocusPolicy.NoFocus)

    def choice(self, value: object) -> QAbstractButton:
        """The button of a value."""
        return self._choices[self._values.index(value)]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}.get(event.key())
        position = self._group.checkedId() + (step or 0)
        if step is None or not 0 <= position < len(self._values):
            super().keyPressEvent(event)
            return
        self._choose(position)
        self._choices[position].setFocus(Qt.FocusReason.TabFocusReason)

    @Slot(int)
    def _choose(self, position: int) -> None:
        self.set_value(self._values[position])
        self.value_changed.emit(self._values[position])

    @Slot()
    def _repaint(self) -> None:
        for choice in self._choices:
            choice.update()
