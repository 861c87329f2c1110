"""The list of runs: one row each with its newest pictures, and the controls that sort, filter and search it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QContextMenuEvent, QFont, QImage, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from studio.app.docks.runs.words import chip_of, effort_words, measured_words
from studio.app.icons import paint_icon
from studio.app.imaging import fitted_rect, paint_picture, screen_images
from studio.app.runs.browsing import run_browsing_of
from studio.app.runs.run_jobs import RunEntry
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.controls import CalmComboBox, Label
from studio.app.widgets.overlay_plot import RUN_LOOKS

if TYPE_CHECKING:
    from studio.app.state import StudioState

ROW_HEIGHT = 68
_PICTURE = 44
_PICTURES = 2
_EDGE = 3
_ENTRY = Qt.ItemDataRole.UserRole

SORTS = (
    ("began", "Newest first"),
    ("loss", "Lowest loss"),
    ("validation", "Lowest validation"),
    ("distance", "Best quality"),
    ("seconds", "Longest training"),
    ("title", "Name"),
)
ALL_DATA = ""

Index = QModelIndex | QPersistentModelIndex


class _RunModel(QAbstractListModel):
    """The runs that are shown, in their order."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.entries: tuple[RunEntry, ...] = ()

    def set_entries(self, entries: Sequence[RunEntry]) -> None:
        """Show these; where only what is known of them changed, nothing jumps."""
        entries = tuple(entries)
        same = [entry.summary.folder for entry in entries] == [entry.summary.folder for entry in self.entries]
        if same:
            self.entries = entries
            if entries:
                self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))
        else:
            self.beginResetModel()
            self.entries = entries
            self.endResetModel()

    def row_of(self, folder: Path) -> int | None:
        return next((row for row, entry in enumerate(self.entries) if entry.summary.folder == folder), None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        summary = entry.summary
        if role == _ENTRY:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return summary.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{summary.title}, {chip_of(summary).words}, {effort_words(summary)}, {measured_words(summary)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [summary.title, chip_of(summary).sentence, str(summary.folder)]
            if summary.facts.branch_of:
                lines.insert(2, f"It branched off “{summary.facts.branch_of}”.")
            return "\n".join(lines)
        return None


class _RunDelegate(QStyledItemDelegate):
    """Paints a row: the colour of its curve, pictures, words, and where it stands."""

    def __init__(self, state: StudioState, parent: QWidget) -> None:
        super().__init__(parent)
        self._browsing = run_browsing_of(state)
        self._images: dict[int, tuple[object, list[QImage]]] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(240, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: RunEntry = index.data(_ENTRY)
        tokens = theme().tokens
        area = QRectF(option.rect)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.fillRect(area, theme().color("selected" if selected else "hover" if over else "panel"))
        chosen = [each.summary.folder for each in self._browsing.chosen]
        if entry.summary.folder in chosen:
            look = RUN_LOOKS[chosen.index(entry.summary.folder)]
            painter.fillRect(QRectF(area.left(), area.top() + 1, _EDGE, area.height() - 2), theme().color(look.role))
        painter.setPen(QPen(tokens.color("border"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        self._paint_pictures(painter, area, entry)
        self._paint_words(painter, area, entry, tokens.selected_text if selected else None)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(tokens.color("accent"), 1))
            painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -1.5))
        painter.restore()

    def _paint_pictures(self, painter: QPainter, area: QRectF, entry: RunEntry) -> None:
        left, top = area.left() + _EDGE + Space.S, area.top() + (ROW_HEIGHT - _PICTURE) / 2
        images = self._images_of(entry)
        ratio = painter.device().devicePixelRatioF()
        for number in range(_PICTURES):
            place = QRectF(left + number * (_PICTURE + 2), top, _PICTURE, _PICTURE)
            painter.fillRect(place, theme().color("canvas"))
            if number < len(images):
                fitted = fitted_rect(images[number].size(), place, ratio, Qt.AlignmentFlag.AlignCenter)
                paint_picture(painter, fitted, images[number])
            elif number == 0:
                middle = QRectF(0, 0, Size.ICON, Size.ICON)
                middle.moveCenter(place.center())
                paint_icon(painter, middle, "image", theme().tokens.disabled)

    def _images_of(self, entry: RunEntry) -> list[QImage]:
        if entry.thumbnail is None:
            return []
        key = hash(entry.summary.folder)
        made_of, images = self._images.get(key, (None, []))
        if made_of is not entry.thumbnail:
            images = screen_images(entry.thumbnail[:_PICTURES])
            self._images[key] = (entry.thumbnail, images)
        return images

    def _paint_words(self, painter: QPainter, area: QRectF, entry: RunEntry, on: str | None) -> None:
        tokens, summary = theme().tokens, entry.summary
        chip = chip_of(summary, here=self._browsing.trains_here(summary.folder))
        left = area.left() + _EDGE + Space.S + _PICTURES * (_PICTURE + 2) + Space.S
        right = area.right() - Space.M
        painter.setFont(ui_font(FontSize.LABEL))
        chip_width = painter.fontMetrics().horizontalAdvance(chip.words)
        color = tokens.color("text") if on is not None and chip.role == "muted" else tokens.color(chip.role)
        lines = QRectF(left, area.top() + 7, right - left, 18)
        painter.setPen(color)
        painter.drawText(lines, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, chip.words)
        symbol = QRectF(right - chip_width - 18, lines.top() + 2, 14, 14)
        paint_icon(painter, symbol, chip.icon, color.name())
        self._line(painter, lines.adjusted(0, 0, -chip_width - 26, 0), summary.title, "text", FontSize.TEXT, 600)
        lines.translate(0, 18)
        self._line(painter, lines, effort_words(summary), "muted" if on is None else "selected_text")
        lines.translate(0, 18)
        self._line(painter, lines, measured_words(summary), "text" if on is None else "selected_text")

    @staticmethod
    def _line(
        painter: QPainter,
        area: QRectF,
        words: str,
        role: str,
        size: int = FontSize.LABEL,
        weight: int = QFont.Weight.Normal,
    ) -> None:
        painter.setFont(ui_font(size, weight))
        painter.setPen(theme().color(role))
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


class _RunView(QListView):
    """Rows of one height; Delete and the menu key are told to the owner."""

    delete_pressed = Signal()
    rename_pressed = Signal()
    menu_wanted = Signal(object)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_pressed.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_pressed.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.selectionModel().hasSelection():
            self.menu_wanted.emit(event.globalPos())


class RunList(QWidget):
    """Shows the runs of the RunBrowsing; what is selected is what it compares."""

    opened = Signal()
    """A run was double-clicked, or Enter pressed on it."""
    delete_pressed = Signal()
    rename_pressed = Signal()
    menu_wanted = Signal(object)
    """The place on the screen (QPoint) where a menu is wanted."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browsing = run_browsing_of(state)
        self._selecting = False
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search runs")
        self.search.setAccessibleName("Search runs")
        self.search.setClearButtonEnabled(True)
        self.data_set = CalmComboBox(self)
        self.data_set.setAccessibleName("Data set")
        self.data_set.setToolTip("Show only runs on one data set")
        self.data_set.addItem("All data", ALL_DATA)
        self.sort = CalmComboBox(self)
        self.sort.setAccessibleName("Order")
        self.sort.setToolTip("In which order the runs stand")
        for key, words in SORTS:
            self.sort.addItem(words, key)
        self._model = _RunModel(self)
        self.view = _RunView(self)
        self.view.setAccessibleName("Runs")
        self.view.setModel(self._model)
        self.view.setItemDelegate(_RunDelegate(state, self.view))
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setStyleSheet("QListView { background: transparent; border: none; }")
        self._none = Label("No run matches.", self, role="muted", size=FontSize.LABEL)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self._connect()
        self.setFocusProxy(self.view)
        self.show_runs()

    @property
    def shown(self) -> tuple[RunEntry, ...]:
        """The runs in the list, from above."""
        return self._model.entries

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.data_set, 1)
        row.addWidget(self.sort, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(self.search)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._none)

    def _connect(self) -> None:
        self._browsing.runs_changed.connect(self.show_runs)
        self._browsing.chosen_changed.connect(self._show_chosen)
        self.search.textChanged.connect(self.show_runs)
        self.data_set.currentIndexChanged.connect(self.show_runs)
        self.sort.currentIndexChanged.connect(self.show_runs)
        self.view.selectionModel().selectionChanged.connect(self._choose)
        self.view.activated.connect(self._open)
        self.view.delete_pressed.connect(self.delete_pressed)
        self.view.rename_pressed.connect(self.rename_pressed)
        self.view.menu_wanted.connect(self.menu_wanted)
        theme().changed.connect(self._retheme)

    @Slot()
    def show_runs(self) -> None:
        """Show what there is now, filtered and in order."""
        entries = self._browsing.entries
        self._offer_data(entries)
        wanted = self.data_set.currentData()
        words = self.search.text().casefold().split()
        shown = [
            entry
            for entry in entries
            if (wanted in (ALL_DATA, None) or entry.summary.data_name == wanted)
            and all(word in _haystack(entry) for word in words)
        ]
        key = str(self.sort.currentData())
        shown.sort(key=lambda entry: _rank(entry, key))
        self._selecting = True
        self._model.set_entries(shown)
        self._selecting = False
        self._none.setVisible(not shown and bool(entries))
        self._show_chosen()

    def _offer_data(self, entries: Sequence[RunEntry]) -> None:
        names = sorted({entry.summary.data_name for entry in entries if entry.summary.data_name})
        if names != [self.data_set.itemData(place) for place in range(1, self.data_set.count())]:
            wanted = self.data_set.currentData()
            blocked = self.data_set.blockSignals(True)
            self.data_set.clear()
            self.data_set.addItem("All data", ALL_DATA)
            for name in names:
                self.data_set.addItem(name, name)
            self.data_set.setCurrentIndex(max(0, self.data_set.findData(wanted)))
            self.data_set.blockSignals(blocked)

    @Slot()
    def _show_chosen(self) -> None:
        """Select what is compared, without saying so again."""
        model = self.view.selectionModel()
        selection = QItemSelection()
        for entry in self._browsing.chosen:
            row = self._model.row_of(entry.summary.folder)
            if row is not None:
                selection.select(self._model.index(row), self._model.index(row))
        self._selecting = True
        if set(selection.indexes()) != set(model.selectedIndexes()):
            model.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._selecting = False
        self.view.viewport().update()

    @Slot()
    def _choose(self) -> None:
        if not self._selecting:
            rows = sorted(index.row() for index in self.view.selectionModel().selectedIndexes())
            self._browsing.choose([self._model.entries[row].summary.folder for row in rows])

    @Slot(QModelIndex)
    def _open(self, _index: QModelIndex) -> None:
        self.opened.emit()

    @Slot()
    def _retheme(self) -> None:
        self.view.viewport().update()


def _haystack(entry: RunEntry) -> str:
    summary = entry.summary
    return f"{summary.title} {summary.data_name} {summary.folder.name} {summary.status}".casefold()


def _rank(entry: RunEntry, key: str) -> tuple:
    value = getattr(entry.summary, key)
    newest = -entry.summary.began
    if key == "began":
        return (newest,)
    if key == "seconds":
        return (-value, newest)
    if key == "title":
        return (value.casefold(), newest)
    return (value is None, value or 0.0, newest)
