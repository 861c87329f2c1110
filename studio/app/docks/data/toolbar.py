"""Above the grid: which pictures, in what form, how large."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from studio.app.data.pictures import AS_THEY_ARE, AS_THEY_WILL_BE
from studio.app.icons import paint_icon
from studio.app.theme import Size, Space, theme
from studio.app.widgets.controls import ComboField, IconButton
from studio.app.widgets.segmented import SegmentedControl

SEARCH_DELAY_MS = 150


class GridToolbar(QWidget):
    """Tells what the person wants to see; it holds no pictures itself."""

    filter_changed = Signal()
    view_changed = Signal(object)
    larger_clicked = Signal()
    smaller_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes = ComboField("Class", [(None, "All")], self, label_width=0)
        self.classes.setFixedWidth(180)
        self.classes.value_changed.connect(self._tell)
        self.search = _SearchField(self)
        self.search.setPlaceholderText("Find by name")
        self.search.setAccessibleName("Find pictures by name")
        self.search.setClearButtonEnabled(True)
        self.search.setFixedHeight(Size.CONTROL)
        self.search.setMinimumWidth(140)
        self.search.setMaximumWidth(220)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(SEARCH_DELAY_MS)
        self._typed.timeout.connect(self.filter_changed)
        self.search.textChanged.connect(self._wait)
        self.view = SegmentedControl(
            [(AS_THEY_ARE, "As they are"), (AS_THEY_WILL_BE, "As they will be")], self, name="How pictures are shown"
        )
        self.view.set_option_tooltip(AS_THEY_ARE, "The originals, with what is kept of them outlined.")
        self.view.set_option_tooltip(AS_THEY_WILL_BE, "What the network will get, at its own size.")
        self.view.set_value(AS_THEY_WILL_BE)
        self.view.value_changed.connect(self.view_changed)
        self.smaller = IconButton("minus", "Smaller", "−", self)
        self.larger = IconButton("plus", "Larger", "+", self)
        self.smaller.clicked.connect(self.smaller_clicked)
        self.larger.clicked.connect(self.larger_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(self.classes)
        row.addWidget(self.search, 1)
        row.addStretch(1)
        row.addWidget(self.view)
        row.addWidget(self.smaller)
        row.addWidget(self.larger)

    @property
    def class_name(self) -> str | None:
        """The class that is wanted; None for all."""
        value = self.classes.value()
        return None if value is None else str(value)

    @property
    def words(self) -> str:
        """What names are to contain."""
        return self.search.text().strip()

    def set_classes(self, names: tuple[str, ...]) -> None:
        """Offer these classes; the one that is on stays on when it is still there."""
        self.classes.set_options([(None, "All"), *((name, name) for name in names)])
        self.classes.setVisible(bool(names))

    def clear(self) -> None:
        """Everything is wanted again; tells nobody."""
        for widget in (self.classes, self.search):
            widget.blockSignals(True)
        self.classes.set_value(None)
        self.search.clear()
        for widget in (self.classes, self.search):
            widget.blockSignals(False)
        self._typed.stop()

    @Slot()
    def _tell(self) -> None:
        self.filter_changed.emit()

    @Slot()
    def _wait(self) -> None:
        self._typed.start()


class _SearchField(QLineEdit):
    """A line with the glass before its words."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTextMargins(Size.ICON + 2, 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = Size.ICON - 2
        place = QRectF(Space.S, (self.height() - side) / 2, side, side)
        paint_icon(painter, place, "search", theme().tokens.muted)
        painter.end()
