"""Fields with a label at their left, aligned in one column: choice, number, seed, check mark."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QStyledItemDelegate, QWidget

from studio.app.theme import FontSize, Size, Space, ui_font
from studio.app.widgets.buttons import IconButton
from studio.app.widgets.labels import Label, tooltip_text
from studio.app.widgets.number_edit import NumberEdit

LARGEST_SEED = 2**31 - 1


class CalmComboBox(QComboBox):
    """A combo box that the wheel does not change while it lacks the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # The combo box's own delegate draws menu items and ignores the style sheet's item rules.
        self.setItemDelegate(QStyledItemDelegate(self))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(Size.CONTROL)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class LabelledRow(QWidget):
    """A label in the common column and a field beside it; the base of the fields below and usable alone."""

    def __init__(
        self,
        label: str,
        field: QWidget,
        parent: QWidget | None = None,
        *,
        label_width: int = Size.LABEL_COLUMN,
        stretch: bool = True,
    ) -> None:
        super().__init__(parent)
        self.label = Label(label, self, role="muted", size=FontSize.LABEL)
        self.label.setBuddy(field)
        self.set_label_width(label_width)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(Space.S)
        self._row.addWidget(self.label)
        self._row.addWidget(field, 1 if stretch else 0)
        if not stretch:
            self._row.addStretch(1)
        self.setFocusProxy(field)
        self.setAccessibleName(label)
        if not field.accessibleName():
            field.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_label_width(self, width: int) -> None:
        """Aligns the label column with neighbours; 0 lets the label be as wide as its text."""
        if width:
            self.label.setFixedWidth(max(width, self.label.sizeHint().width()))

    def set_tooltip(self, text: str, shortcut: str = "") -> None:
        """Explains the field; the label's name goes before it."""
        self.setToolTip(tooltip_text(self.label.text(), shortcut, text) if text else "")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.label.set_role("muted" if self.isEnabled() else "disabled")


class ComboField(LabelledRow):
    """Choose one of many: `options` is a sequence of (value, label). `value_changed(object)`."""

    value_changed = Signal(object)

    def __init__(
        self,
        label: str,
        options: Sequence[tuple[object, str]],
        parent: QWidget | None = None,
        *,
        label_width: int = Size.LABEL_COLUMN,
        tooltip: str = "",
    ) -> None:
        self._combo = CalmComboBox()
        super().__init__(label, self._combo, parent, label_width=label_width)
        self._values: list[object] = []
        self.set_options(options)
        self.set_tooltip(tooltip)
        self._combo.currentIndexChanged.connect(self._changed)

    def set_options(self, options: Sequence[tuple[object, str]]) -> None:
        """Replaces the options; the value stays when it is still among them. Emits nothing."""
        before = self.value() if self._values else None
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        self._values = [value for value, _ in options]
        self._combo.addItems([text for _, text in options])
        if before in self._values:
            self._combo.setCurrentIndex(self._values.index(before))
        self._combo.blockSignals(blocked)

    def value(self) -> object:
        """The value chosen; None without options."""
        position = self._combo.currentIndex()
        return self._values[position] if position >= 0 else None

    def set_value(self, value: object) -> None:
        """Chooses a value. Raises ValueError when it is not an option."""
        if value not in self._values:
            raise ValueError(f"{value!r} is not one of the options {self._values!r}")
        self._combo.setCurrentIndex(self._values.index(value))

    @Slot(int)
    def _changed(self, position: int) -> None:
        if position >= 0:
            self.value_changed.emit(self._values[position])


class NumberField(LabelledRow):
    """A number with a frame. `value_changed(object)` when it was typed or stepped."""

    value_changed = Signal(object)

    def __init__(
        self,
        label: str,
        minimum: float,
        maximum: float,
        value: float,
        decimals: int = 0,
        suffix: str = "",
        parent: QWidget | None = None,
        *,
        step: float | None = None,
        label_width: int = Size.LABEL_COLUMN,
        tooltip: str = "",
    ) -> None:
        self._edit = NumberEdit(minimum, maximum, value, decimals, suffix, step=step)
        super().__init__(label, self._edit, parent, label_width=label_width)
        self.set_tooltip(tooltip)
        self._edit.value_changed.connect(self.value_changed)

    def value(self) -> int | float:
        """The number now."""
        return self._edit.value()

    def set_value(self, value: float) -> None:
        """Sets the number, clamped and rounded; emits `value_changed` when it differs."""
        before = self.value()
        self._edit.set_value(value)
        if self.value() != before:
            self.value_changed.emit(self.value())

    def set_range(self, minimum: float, maximum: float) -> None:
        """Changes the range; emits `value_changed` when the number had to be clamped."""
        before = self.value()
        self._edit.set_range(minimum, maximum)
        if self.value() != before:
            self.value_changed.emit(self.value())


class SeedField(LabelledRow):
    """A seed with a die beside it that throws another one. `value_changed(object)`; 0 … 2³¹ − 1."""

    value_changed = Signal(object)

    def __init__(
        self,
        label: str = "Seed",
        value: int = 0,
        parent: QWidget | None = None,
        *,
        label_width: int = Size.LABEL_COLUMN,
        tooltip: str = "",
    ) -> None:
        self._edit = NumberEdit(0, LARGEST_SEED, value)
        self._edit.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._edit.setMinimumWidth(64)
        super().__init__(label, self._edit, parent, label_width=label_width)
        self._die = IconButton("dice", "Another seed", parent=self, bordered=True)
        self._row.addWidget(self._die)
        self.set_tooltip(tooltip)
        self._edit.value_changed.connect(self.value_changed)
        self._die.clicked.connect(self.roll)

    def value(self) -> int:
        """The seed now."""
        return int(self._edit.value())

    def set_value(self, value: int) -> None:
        """Sets the seed; emits `value_changed` when it differs."""
        before = self.value()
        self._edit.set_value(value)
        if self.value() != before:
            self.value_changed.emit(self.value())

    @Slot()
    def roll(self) -> None:
        """Throws another seed, small enough to be read out and typed again."""
        other = secrets.randbelow(9999) + 1
        self.set_value(other if other != self.value() else other % 9999 + 1)


class CheckField(QCheckBox):
    """A check mark with its sentence. `value_changed(object)` gives a bool."""

    value_changed = Signal(object)

    def __init__(self, text: str, value: bool = False, parent: QWidget | None = None, *, tooltip: str = "") -> None:
        super().__init__(text, parent)
        self.setFont(ui_font(FontSize.TEXT))
        self.setChecked(value)
        self.setAccessibleName(text)
        self.setToolTip(tooltip_text(text, reason=tooltip) if tooltip else "")
        self.toggled.connect(self._toggled)

    def value(self) -> bool:
        """Whether the mark is set."""
        return self.isChecked()

    def set_value(self, value: bool) -> None:
        """Sets or takes away the mark; emits `value_changed` when it differs."""
        self.setChecked(value)

    @Slot(bool)
    def _toggled(self, value: bool) -> None:
        self.value_changed.emit(value)
