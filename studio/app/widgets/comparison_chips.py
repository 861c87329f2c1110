"""Several of some values, as chips that are on or off, and a small field to type others into."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QLayout, QLayoutItem, QLineEdit, QSizePolicy, QWidget

from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.number_edit import parse_number

_HEIGHT = Size.CONTROL_DENSE
_PADDING = 8
_LONGEST = 132


class _Chip(QAbstractButton):
    """One value. On: selected ground and an accent line below, as everywhere where something is chosen."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        metrics = QFontMetrics(ui_font(FontSize.LABEL, QFont.Weight.DemiBold))
        self._shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, _LONGEST)
        self._width = metrics.horizontalAdvance(self._shown) + 2 * _PADDING
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self._width, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        ground = tokens.selected if on else tokens.hover if self.underMouse() or self.isDown() else tokens.raised
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setBrush(QColor(ground if self.isEnabled() else tokens.panel))
        painter.setPen(QColor(tokens.border))
        painter.drawRoundedRect(frame, Size.RADIUS, Size.RADIUS)
        if on:
            painter.fillRect(QRectF(Size.RADIUS / 2, self.height() - 2, self.width() - Size.RADIUS, 2), tokens.accent)
        painter.setFont(ui_font(FontSize.LABEL, QFont.Weight.DemiBold if on else QFont.Weight.Normal))
        painter.setPen(QColor(tokens.disabled if not self.isEnabled() else tokens.selected_text if on else tokens.text))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._shown)
        painter.end()


class FlowLayout(QLayout):
    """Widgets one after the other, in as many lines as they need."""

    def __init__(self, parent: QWidget | None = None, spacing: int = Space.XS) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        if not 0 <= index < len(self._items):
            return None
        self.invalidate()
        return self._items.pop(index)

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), moving=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, moving=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, moving: bool) -> int:
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            if x > rect.x() and x + hint.width() > rect.right() + 1:
                x, y, line = rect.x(), y + line + self.spacing(), 0
            if moving:
                item.setGeometry(QRect(QPoint(x, y), hint))
            x += hint.width() + self.spacing()
            line = max(line, hint.height())
        return y + line - rect.y()


class ComparisonChips(QWidget):
    """Choose some of `options`; with `number`, others can be typed. `value_changed(object)`: the tuple of values.

    The last one that is on cannot be turned off: with none of them there would be nothing to compare.
    """

    value_changed = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._chips: list[tuple[object, _Chip]] = []
        self._number: type | None = None
        self._range = (0.0, 0.0)
        self._flow = FlowLayout(self)
        self._add = QLineEdit(self)
        self._add.setPlaceholderText("other")
        self._add.setAccessibleName(f"Another value for {name}")
        self._add.setFont(ui_font(FontSize.LABEL))
        # The common style is a line taller than a chip.
        self._add.setStyleSheet(f"min-height: {_HEIGHT - 2}px; max-height: {_HEIGHT - 2}px; padding: 0 6px;")
        self._add.setFixedWidth(56)
        self._add.setToolTip(tooltip_text("Add other values", "Enter", "one, or some with spaces between"))
        self._add.returnPressed.connect(self._take_typed)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._repaint)

    def set_options(
        self,
        options: Sequence[tuple[object, str]],
        values: Sequence[object],
        *,
        number: type | None = None,
        least: float = 0.0,
        most: float = 0.0,
    ) -> None:
        """Offer these (value, label) pairs, with `values` on; values that are not among them become chips too."""
        self._number, self._range = number, (least, most)
        known = [value for value, _ in options]
        more = [(value, _number_text(value)) for value in values if value not in known]
        wanted = [*options, *more]
        if number is not None:
            wanted.sort(key=lambda option: float(str(option[0])))
        if [(value, chip.text()) for value, chip in self._chips] != wanted:
            self._rebuild(wanted)
        for value, chip in self._chips:
            chip.setChecked(value in values)
        if self._add.isHidden() is (number is not None):
            self._add.setVisible(number is not None)
            self._fit()

    def values(self) -> tuple[object, ...]:
        """The values that are on, as they stand."""
        return tuple(value for value, chip in self._chips if chip.isChecked())

    def chip(self, value: object) -> QAbstractButton:
        """The chip of a value. Raises KeyError."""
        return next(chip for own, chip in self._chips if own == value)

    @property
    def field(self) -> QLineEdit:
        """Where other numbers are typed."""
        return self._add

    def keyPressEvent(self, event: QKeyEvent) -> None:
        focus = self.focusWidget()
        chips = [chip for _, chip in self._chips]
        by = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        if by is None or focus not in chips:
            super().keyPressEvent(event)
            return
        index = chips.index(focus) + by
        if 0 <= index < len(chips):
            chips[index].setFocus(Qt.FocusReason.TabFocusReason)

    def _rebuild(self, options: Sequence[tuple[object, str]]) -> None:
        while self._flow.count():
            self._flow.takeAt(0)
        for _, chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips = []
        for value, label in options:
            chip = _Chip(label, self)
            chip.clicked.connect(self._take_click)
            self._flow.addWidget(chip)
            chip.show()
            self._chips.append((value, chip))
        self._flow.addWidget(self._add)
        if self._chips:
            QWidget.setTabOrder(self._chips[-1][1], self._add)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # A height that hangs on the width is guessed for the narrowest by whatever scrolls around it.
        self.setFixedHeight(max(self._flow.heightForWidth(self.width()), _HEIGHT))

    @Slot()
    def _take_click(self) -> None:
        chip = self.sender()
        if not self.values() and isinstance(chip, _Chip):
            chip.setChecked(True)
            return
        self.value_changed.emit(self.values())

    @Slot()
    def _take_typed(self) -> None:
        found = list(self.values())
        for word in self._add.text().replace(";", " ").split():
            number = parse_number(word.rstrip(","))
            if number is None or self._number is None:
                continue
            value = self._number(min(max(number, self._range[0]), self._range[1]))
            if value not in found:
                found.append(value)
        self._add.clear()
        if found != list(self.values()):
            self.value_changed.emit(tuple(found))

    @Slot()
    def _repaint(self) -> None:
        for _, chip in self._chips:
            chip.update()


def _number_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
