"""A line edit that holds one number: typed with a point or a comma, stepped with the arrow keys."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QFont, QFontMetrics, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.app.theme import FontSize, Size, ui_font
from studio.app.widgets.labels import MINUS, format_number


def parse_number(text: str, suffix: str = "") -> float | None:
    """The number a person typed, or None: point or comma, true or ASCII minus, spaces and the suffix allowed."""
    cleaned = text.strip().removesuffix(suffix.strip()).replace(MINUS, "-").replace(",", ".")
    cleaned = "".join(cleaned.split()).replace("\u202f", "")
    try:
        value = float(cleaned)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class NumberEdit(QLineEdit):
    """One number between `minimum` and `maximum` with fixed decimals and a width that fits both ends.

    `value_changed(object)` comes when a typed number is finished (Enter, leaving the field) or stepped (Up, Down,
    wheel when focused). What is no number is put back; what is out of range is clamped. `flat` shows no frame until
    the mouse is over it.
    """

    value_changed = Signal(object)

    def __init__(
        self,
        minimum: float,
        maximum: float,
        value: float,
        decimals: int = 0,
        suffix: str = "",
        parent: QWidget | None = None,
        *,
        flat: bool = False,
        step: float | None = None,
    ) -> None:
        super().__init__(parent)
        self._minimum = minimum
        self._maximum = maximum
        self._decimals = decimals
        self._suffix = suffix
        self._flat = flat
        self._step = step or 10.0**-decimals
        self._value = self._fit(value)
        self.setProperty("flat", flat)
        weight = QFont.Weight.Medium if flat else QFont.Weight.Normal
        self.setFont(ui_font(FontSize.TEXT, weight))
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setFixedHeight(22 if flat else Size.CONTROL)
        if flat:
            # Line edits keep two pixels beside the text; without them the number ends where framed fields do.
            self.setTextMargins(0, 0, -2, 0)
        self._fix_width()
        self._show()
        self.editingFinished.connect(self._finish)

    @property
    def minimum(self) -> float:
        """The smallest number allowed."""
        return self._minimum

    @property
    def maximum(self) -> float:
        """The largest number allowed."""
        return self._maximum

    def value(self) -> int | float:
        """The number: an int when there are no decimals."""
        return int(self._value) if self._decimals == 0 else self._value

    def set_value(self, value: float) -> None:
        """Shows a number, clamped and rounded; emits nothing."""
        fitted = self._fit(value)
        if fitted != self._value or not self.hasFocus():
            self._value = fitted
            self._show()

    def set_range(self, minimum: float, maximum: float) -> None:
        """Changes the range; the number is clamped and nothing emitted."""
        self._minimum = minimum
        self._maximum = maximum
        self._fix_width()
        self.set_value(self._value)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Up: 1,
            Qt.Key.Key_Down: -1,
            Qt.Key.Key_PageUp: 10,
            Qt.Key.Key_PageDown: -10,
        }.get(event.key())
        if steps is not None:
            self._finish()
            self._change(self._value + steps * self._step)
        elif event.key() == Qt.Key.Key_Escape and self.isModified():
            self._show()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus() and event.angleDelta().y():
            self._change(self._value + math.copysign(self._step, event.angleDelta().y()))
            event.accept()
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.selectAll()

    @Slot()
    def _finish(self) -> None:
        number = parse_number(self.text(), self._suffix)
        if number is None or not self.isModified():
            self._show()
        else:
            self._change(number)

    def _change(self, number: float) -> None:
        fitted = self._fit(number)
        changed = fitted != self._value
        self._value = fitted
        self._show()
        if changed:
            self.value_changed.emit(self.value())

    def _fit(self, value: float) -> float:
        value = min(self._maximum, max(self._minimum, float(value)))
        return round(value, self._decimals)

    def _text_of(self, value: float) -> str:
        return format_number(value, self._decimals) + self._suffix

    def _show(self) -> None:
        text = self._text_of(self._value)
        if text != self.text():
            self.setText(text)
        self.setModified(False)

    def _fix_width(self) -> None:
        metrics = QFontMetrics(self.font())
        widest = max(
            metrics.horizontalAdvance(self._text_of(value).replace("1", "0"))
            for value in (self._minimum, self._maximum)
        )
        # Line edits keep two pixels at each side of the text besides the padding of the style sheet.
        self.setMinimumWidth(max(widest + (12 if self._flat else 26), 40 if self._flat else 0))
        if self._flat:
            self.setMaximumWidth(self.minimumWidth())
