"""A row of mutually exclusive words or formulas: selected ground and a 2 px accent line below the one that is on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from studio.app.theme import FontSize, Size, theme, ui_font
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.math_text import Formula, MathLine, Term

_PADDING = 10
_FORMULA_GROWTH = 2
"""Letters of the symbols' font look smaller than those of the interface's."""


class _Segment(QAbstractButton):
    """One word or formula; after a line break a second, muted line. Paints its share of the common frame."""

    def __init__(self, label: str | Formula, first: bool, last: bool, dense: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._formula = label if isinstance(label, Formula) else None
        name = label.name if isinstance(label, Formula) else label
        self._title, _, self._caption = name.partition("\n")
        self._first = first
        self._last = last
        self._dense = dense
        self.setText(name)
        self.setFont(self._font(False))
        self.setCheckable(True)
        self.setAccessibleName(name.replace("\n", ", "))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)

    def _font(self, bold: bool) -> QFont:
        size = FontSize.LABEL if self._dense else FontSize.TEXT
        return ui_font(size, QFont.Weight.DemiBold if bold else QFont.Weight.Normal)

    def _line(self) -> MathLine | None:
        if self._formula is None:
            return None
        size = FontSize.LABEL if self._dense else FontSize.TEXT
        return MathLine((Term(self._formula.text, size=size + _FORMULA_GROWTH),))

    def sizeHint(self) -> QSize:
        line = self._line()
        # The bold width always, so that nothing moves when the choice does.
        width = QFontMetrics(self._font(True)).horizontalAdvance(self._title) if line is None else round(line.width)
        height = Size.CONTROL_DENSE if self._dense else Size.CONTROL
        if self._caption:
            width = max(width, QFontMetrics(ui_font(FontSize.RANGE)).horizontalAdvance(self._caption))
            height = Size.PRIMARY
        return QSize(width + 2 * _PADDING, height)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Arrows belong to the whole control; the button group's own handling skips segments that take no focus.
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5 if self._first else -0.5, 0.5, -0.5, -0.5)
        path = self._outline(frame)
        if self.isChecked():
            ground = tokens.selected if self.isEnabled() else tokens.hover
        elif not self.isEnabled():
            ground = tokens.panel
        elif self.isDown() or self.underMouse():
            ground = tokens.hover
        else:
            ground = tokens.raised
        painter.fillPath(path, QColor(ground))
        painter.setPen(QPen(QColor(tokens.border), 1))
        painter.drawPath(path)
        if self.isChecked():
            painter.setClipPath(path)
            line = QRectF(0, self.height() - 2.5, self.width(), 2.5)
            painter.fillRect(line, QColor(tokens.accent if self.isEnabled() else tokens.disabled))
            painter.setClipping(False)
        self._paint_words(painter)

    def _outline(self, frame: QRectF) -> QPainterPath:
        radius = float(Size.RADIUS)
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.WindingFill)
        path.addRoundedRect(frame, radius, radius)
        if not self._first:
            path.addRect(QRectF(frame.left(), frame.top(), radius, frame.height()))
        if not self._last:
            path.addRect(QRectF(frame.right() - radius, frame.top(), radius, frame.height()))
        return path.simplified()

    def _paint_words(self, painter: QPainter) -> None:
        tokens = theme().tokens
        on = self.isChecked()
        enabled = self.isEnabled()
        color = QColor(tokens.disabled if not enabled else tokens.selected_text if on else tokens.text)
        area = QRectF(self.rect())
        line = self._line()
        if line is not None:
            baseline = area.center().y() + (line.ascent - line.descent) / 2
            line.paint(painter, area.center().x() - line.width / 2, baseline, color)
            return
        painter.setPen(color)
        painter.setFont(self._font(on))
        if not self._caption:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._title)
            return
        painter.drawText(area.adjusted(0, 4, 0, -area.height() / 2 + 2), Qt.AlignmentFlag.AlignCenter, self._title)
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(QColor(tokens.disabled if not enabled else tokens.selected_text if on else tokens.muted))
        painter.drawText(area.adjusted(0, area.height() / 2 - 1, 0, -5), Qt.AlignmentFlag.AlignCenter, self._caption)


class SegmentedControl(QWidget):
    """Choose one of a few: `options` is a sequence of (value, label); a label is a Formula, or words, which may have a
    second line after "\\n".

    `value()` reads, `set_value` sets silently when equal and otherwise emits `value_changed(object)`, as a click
    does. Left and right keys move the choice. 28 px high, 24 when `dense`, 40 with two lines.
    """

    value_changed = Signal(object)

    def __init__(
        self,
        options: Sequence[tuple[object, str | Formula]],
        parent: QWidget | None = None,
        *,
        name: str = "",
        dense: bool = False,
        stretch: bool = False,
    ) -> None:
        super().__init__(parent)
        self._dense = dense
        self._stretch = stretch
        self._values: list[object] = []
        self._segments: list[_Segment] = []
        self._value: object = None
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._group.idClicked.connect(self._choose)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self.setAccessibleName(name)
        policy = QSizePolicy.Policy.Expanding if stretch else QSizePolicy.Policy.Maximum
        self.setSizePolicy(policy, QSizePolicy.Policy.Fixed)
        self.set_options(options)

    def set_options(self, options: Sequence[tuple[object, str | Formula]]) -> None:
        """Replaces the options; the value stays when it is still among them, else the first is chosen silently."""
        for segment in self._segments:
            self._group.removeButton(segment)
            self._layout.removeWidget(segment)
            segment.hide()
            segment.deleteLater()
        self._values = [value for value, _ in options]
        self._segments = []
        for position, (_, label) in enumerate(options):
            segment = _Segment(label, position == 0, position == len(options) - 1, self._dense, self)
            self._group.addButton(segment, position)
            self._layout.addWidget(segment, 1 if self._stretch else 0)
            self._segments.append(segment)
        if self._values:
            self._show(self._value if self._value in self._values else self._values[0])

    def value(self) -> object:
        """The value that is on; None without options."""
        return self._value

    def set_value(self, value: object) -> None:
        """Turns `value` on. Raises ValueError when it is not an option."""
        if value not in self._values:
            raise ValueError(f"{value!r} is not one of the options {self._values!r}")
        if value != self._value:
            self._show(value)
            self.value_changed.emit(value)

    def set_option_enabled(self, value: object, enabled: bool, reason: str = "") -> None:
        """Enables one option or greys it out; the reason is its tool tip."""
        segment = self._segments[self._values.index(value)]
        segment.setEnabled(enabled)
        segment.setToolTip("" if enabled else tooltip_text(segment.accessibleName(), reason=reason))

    def set_option_tooltip(self, value: object, text: str, shortcut: str = "") -> None:
        """Says of one option what it does."""
        segment = self._segments[self._values.index(value)]
        segment.setToolTip(tooltip_text(segment.accessibleName(), shortcut, text))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}.get(event.key())
        if step is None or not self._values:
            super().keyPressEvent(event)
            return
        position = self._values.index(self._value) + step
        while 0 <= position < len(self._values) and not self._segments[position].isEnabled():
            position += step
        if 0 <= position < len(self._values):
            self._segments[position].setFocus(Qt.FocusReason.TabFocusReason)
            self.set_value(self._values[position])

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.EnabledChange):
            for segment in self._segments:
                segment.update()

    @Slot(int)
    def _choose(self, position: int) -> None:
        self.set_value(self._values[position])

    def _show(self, value: object) -> None:
        self._value = value
        position = self._values.index(value)
        self._segments[position].setChecked(True)
        # One stop for the Tab key: the segment that is on.
        for index, segment in enumerate(self._segments):
            segment.setFocusPolicy(Qt.FocusPolicy.StrongFocus if index == position else Qt.FocusPolicy.NoFocus)
