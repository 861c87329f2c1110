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
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QVBoxLayout,
    QWidget,
)

from studio.app.docks.runs.run_row import ENTRY_ROLE, RunDelegate
from studio.app.docks.runs.words import chip_of, effort_words, measured_words
from studio.app.runs.browsing import run_browsing_of
from studio.app.runs.run_jobs import RunEntry
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.controls import CalmComboBox, Label

if TYPE_CHECKING:
    from studio.app.state import StudioState

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
        if role == ENTRY_ROLE:
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
        self.view.setItemDelegate(RunDelegate(state, self.view))
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
