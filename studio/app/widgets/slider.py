"""A named slider whose value stands at its right and can be typed there."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QWidget

from studio.app.theme import FontSize, Size, Space, theme
from studio.app.widgets.labels import Label, tooltip_text
from studio.app.widgets.number_edit import NumberEdit

_FINE_STEPS = 1000
_HANDLE = 10.0
_GROOVE = 4.0


class Groove(QSlider):
    """A horizontal slider: 4 px groove, accent to the left of a 10 px knob; a click jumps there.

    The wheel turns it only while it has the keyboard focus, so that scrolling a panel changes nothing by accident.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(96, 20)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 20)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event)
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event)
            event.accept()
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.isSliderDown():
            self.setSliderDown(False)
            event.accept()
        else:
            super().mouseReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle = self.height() / 2
        groove = QRectF(0, middle - _GROOVE / 2, self.width(), _GROOVE)
        painter.setBrush(QColor(tokens.hover))
        painter.drawRoundedRect(groove, Size.GROOVE_RADIUS, Size.GROOVE_RADIUS)
        center = self._center()
        painter.setBrush(QColor(tokens.accent if self.isEnabled() else tokens.border))
        painter.drawRoundedRect(
            QRectF(0, groove.top(), center, _GROOVE), float(Size.GROOVE_RADIUS), float(Size.GROOVE_RADIUS)
        )
        knob = QRectF(center - _HANDLE / 2, middle - _HANDLE / 2, _HANDLE, _HANDLE)
        painter.setBrush(QColor(tokens.text if self.isEnabled() else tokens.disabled))
        painter.drawEllipse(knob)

    def _center(self) -> float:
        span = self.maximum() - self.minimum()
        share = (self.sliderPosition() - self.minimum()) / span if span else 0.0
        return _HANDLE / 2 + share * (self.width() - _HANDLE)

    def _follow(self, event: QMouseEvent) -> None:
        room = max(1.0, self.width() - _HANDLE)
        share = min(1.0, max(0.0, (event.position().x() - _HANDLE / 2) / room))
        self.setValue(self.minimum() + round(share * (self.maximum() - self.minimum())))


class ValueSlider(QWidget):
    """Label left, slider, value right.

    `value()` is an int when `decimals` is 0, else a float. `value_changed(object)` comes with every change,
    `value_committed(object)` once a drag, key press or typed number is done: use it for what takes long.
    `logarithmic` spreads the slider by powers (minimum > 0); `step` is what arrow keys move.
    """

    value_changed = Signal(object)
    value_committed = Signal(object)

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
        logarithmic: bool = False,
        label_width: int = Size.LABEL_COLUMN,
        tooltip: str = "",
    ) -> None:
        super().__init__(parent)
        if not minimum < maximum:
            raise ValueError("a slider needs minimum < maximum")
        if logarithmic and minimum <= 0:
            raise ValueError("a logarithmic slider needs a minimum above 0")
        self._decimals = decimals
        self._logarithmic = logarithmic
        self._step = step or 10.0**-decimals
        self._updating = False
        self._label = Label(label, self, role="muted", size=FontSize.LABEL)
        self._label.setFixedWidth(max(label_width, self._label.sizeHint().width())) if label_width else None
        self._slider = Groove(self)
        self._slider.setAccessibleName(label)
        self._edit = NumberEdit(minimum, maximum, value, decimals, suffix, self, flat=True)
        self._edit.setAccessibleName(f"{label}, number")
        self._label.setBuddy(self._edit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(self._label)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._edit)
        self.setFixedHeight(Size.CONTROL_DENSE)
        self.setFocusProxy(self._slider)
        self.setAccessibleName(label)
        self.set_tooltip(tooltip)
        self._set_slider_range()
        self._place_slider()
        self._slider.valueChanged.connect(self._slider_moved)
        self._slider.sliderReleased.connect(self._commit)
        self._edit.value_changed.connect(self._typed)

    @property
    def minimum(self) -> float:
        """The smallest value."""
        return self._edit.minimum

    @property
    def maximum(self) -> float:
        """The largest value."""
        return self._edit.maximum

    def value(self) -> int | float:
        """The value now."""
        return self._edit.value()

    def set_value(self, value: float) -> None:
        """Sets the value (clamped to the range, rounded to the decimals); emits `value_changed` when it differs."""
        before = self.value()
        self._edit.set_value(value)
        self._place_slider()
        if self.value() != before:
            self.value_changed.emit(self.value())

    def set_range(self, minimum: float, maximum: float) -> None:
        """Changes the range; the value is clamped, with `value_changed` when that moved it."""
        before = self.value()
        self._edit.set_range(minimum, maximum)
        self._set_slider_range()
        self._place_slider()
        if self.value() != before:
            self.value_changed.emit(self.value())

    def set_tooltip(self, text: str, shortcut: str = "") -> None:
        """Explains the quantity; the label's name goes before it."""
        self.setToolTip(tooltip_text(self._label.text(), shortcut, text) if text else "")

    def set_label_width(self, width: int) -> None:
        """Aligns the label column with neighbours."""
        self._label.setFixedWidth(width)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self._label.set_role("muted" if self.isEnabled() else "disabled")

    @Slot(int)
    def _slider_moved(self, position: int) -> None:
        if self._updating:
            return
        before = self.value()
        self._edit.set_value(self._value_at(position))
        if self.value() != before:
            self.value_changed.emit(self.value())
            if not self._slider.isSliderDown():
                self.value_committed.emit(self.value())

    @Slot()
    def _commit(self) -> None:
        self.value_committed.emit(self.value())

    @Slot(object)
    def _typed(self, value: object) -> None:
        self._place_slider()
        self.value_changed.emit(value)
        self.value_committed.emit(value)

    def _set_slider_range(self) -> None:
        # Without powers a position is a number of steps from zero, so that what a screen reader says is the value.
        if self._logarithmic:
            low, high = 0, _FINE_STEPS
        else:
            low = math.floor(self.minimum / self._step + 1e-9)
            high = math.ceil(self.maximum / self._step - 1e-9)
        self._updating = True
        self._slider.setRange(low, high)
        self._slider.setSingleStep(max(1, _FINE_STEPS // 100) if self._logarithmic else 1)
        self._slider.setPageStep(max(1, (high - low) // 10))
        self._updating = False

    def _value_at(self, position: int) -> float:
        if self._logarithmic:
            return self.minimum * (self.maximum / self.minimum) ** (position / _FINE_STEPS)
        return position * self._step

    def _place_slider(self) -> None:
        value = float(self.value())
        if self._logarithmic:
            share = math.log(value / self.minimum) / math.log(self.maximum / self.minimum)
            position = round(share * _FINE_STEPS)
        else:
            position = round(value / self._step)
        self._updating = True
        self._slider.setValue(position)
        self._updating = False
