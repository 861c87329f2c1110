"""The line over a curve: its symbol, what it is, and the numbers of the selected handle, which can be typed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from studio.app.theme import FontSize, Size, Space
from studio.app.widgets.curve_editor import Handle
from studio.app.widgets.labels import Label
from studio.app.widgets.math_text import MathLabel, Term
from studio.app.widgets.number_edit import NumberEdit


class CurveTitle(QWidget):
    """Of fixed height, so that nothing moves when the numbers come and go. A click on it chooses the plot."""

    typed = Signal(object, object)
    """t and value that were typed: one of them, the other None."""
    pressed = Signal()

    def __init__(
        self, symbol: Term, caption: str, low: float, high: float, decimals: int, suffix: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setFixedHeight(Size.CONTROL_DENSE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._symbol = MathLabel([symbol], self)
        self._symbol.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._caption = Label(caption, self, role="muted", size=FontSize.LABEL, elided=True)
        self._t_name = MathLabel([Term("t", "muted")], self)
        self._t = NumberEdit(0, 1000, 0, flat=True, parent=self)
        self._t.setAccessibleName("Step of the selected handle")
        self._t.setToolTip("Step of the selected handle")
        self._value = NumberEdit(low, high, high, decimals, suffix, flat=True, parent=self)
        self._value.setAccessibleName(f"{caption}, value of the selected handle")
        self._value.setToolTip("Value of the selected handle")
        self._numbers = QWidget(self)
        numbers = QHBoxLayout(self._numbers)
        numbers.setContentsMargins(0, 0, 0, 0)
        numbers.setSpacing(Space.XS)
        for part in (self._value, self._t_name, self._t):
            numbers.addWidget(part)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(self._symbol)
        row.addWidget(self._caption, 1)
        row.addWidget(self._numbers)
        row.addStretch(0)
        self._numbers.hide()
        self._t.value_changed.connect(self._type_t)
        self._value.value_changed.connect(self._type_value)

    @property
    def numbers(self) -> tuple[NumberEdit, NumberEdit]:
        """The fields of t and of the value."""
        return self._t, self._value

    def show_handle(self, handle: Handle | None, last: int) -> None:
        """Show the numbers of a handle, out of `last` steps; None hides them."""
        if handle is not None:
            if self._t.maximum != last:
                self._t.set_range(0, last)
            self._t.set_value(handle.t)
            self._value.set_value(handle.value)
        if self._numbers.isHidden() != (handle is None):
            self._numbers.setVisible(handle is not None)
            # Both do not fit over a narrow plot.
            self._caption.setVisible(handle is None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()

    @Slot(object)
    def _type_t(self, t: object) -> None:
        self.typed.emit(t, None)

    @Slot(object)
    def _type_value(self, value: object) -> None:
        self.typed.emit(None, value)
