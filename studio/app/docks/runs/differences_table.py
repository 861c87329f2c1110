"""In what the compared runs differ, as a table: a line a setting, a column a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QTableView, QVBoxLayout, QWidget

from studio.app.docks.runs.words import short_titles
from studio.app.runs.browsing import run_browsing_of
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.controls import Label, SegmentedControl
from studio.app.widgets.overlay_plot import RUN_LOOKS
from studio.training.run_differences import Difference, differences

if TYPE_CHECKING:
    from studio.app.state import StudioState

_LINE = 24
_SWATCH = 8
_NAME_WIDTH, _LEAST_COLUMN = 140, 108

Index = QModelIndex | QPersistentModelIndex


class _DifferenceModel(QAbstractTableModel):
    """The lines that are shown; column 0 names them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: tuple[Difference, ...] = ()
        self._titles: tuple[str, ...] = ()

    def show_lines(self, lines: tuple[Difference, ...], titles: tuple[str, ...]) -> None:
        if (lines, titles) != (self.lines, self._titles):
            self.beginResetModel()
            self.lines, self._titles = lines, titles
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 1 + len(self._titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        line = self.lines[index.row()]
        words = line.name if index.column() == 0 else line.values[index.column() - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            return words
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{line.group}: {line.name}" if index.column() == 0 else words
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(theme().tokens.text if line.differs and index.column() else theme().tokens.muted)
        return None

    def headerData(self, section: int, way: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if way is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if section == 0 else self._titles[section - 1]
        if role == Qt.ItemDataRole.ToolTipRole and section:
            return self._titles[section - 1]
        if role == Qt.ItemDataRole.DecorationRole and section:
            swatch = QPixmap(_SWATCH, _SWATCH)
            swatch.fill(theme().color(RUN_LOOKS[section - 1].role))
            return swatch
        return None


class DifferencesTable(QWidget):
    """Only what differs at first; everything on demand, and at once for a single run."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browsing = run_browsing_of(state)
        self._title = Label("", self, size=FontSize.LABEL, weight=600)
        self.which = SegmentedControl(
            [("differing", "What differs"), ("all", "Everything")], self, name="Lines", dense=True
        )
        self._model = _DifferenceModel(self)
        self._view = QTableView(self)
        self._view.setAccessibleName("Settings of the runs")
        self._view.setModel(self._model)
        self._view.setShowGrid(False)
        self._view.setStyleSheet("QTableView { background: transparent; border: none; }")
        self._view.setFont(ui_font(FontSize.LABEL))
        self._view.verticalHeader().hide()
        self._view.verticalHeader().setDefaultSectionSize(_LINE)
        self._view.verticalHeader().setMinimumSectionSize(_LINE)
        self._view.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._view.setWordWrap(False)
        self._view.setMinimumHeight(60)
        header = self._view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setFont(ui_font(FontSize.LABEL))
        header.setHighlightSections(False)
        header.setMinimumSectionSize(_LEAST_COLUMN)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._none = Label("", self, role="muted", size=FontSize.LABEL, wrap=True)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self.which)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.XS)
        layout.addLayout(head)
        layout.addWidget(self._none)
        layout.addWidget(self._view, 1)
        self._browsing.chosen_changed.connect(self.show_lines)
        self._browsing.runs_changed.connect(self.show_lines)
        self.which.value_changed.connect(self.show_lines)
        theme().changed.connect(self._retheme)
        self.show_lines()

    @property
    def lines(self) -> tuple[Difference, ...]:
        """What the table shows."""
        return self._model.lines

    @Slot()
    def show_lines(self) -> None:
        """Compare what is chosen now."""
        entries = self._browsing.chosen
        single = len(entries) == 1
        self._title.setText("Settings" if single else "Settings that differ")
        self.which.setVisible(not single)
        every = single or self.which.value() == "all"
        if every and not single:
            self._title.setText("Settings")
        lines = tuple(line for line in differences([e.summary for e in entries]) if line.differs or every)
        self._model.show_lines(lines, short_titles([entry.summary for entry in entries]))
        self._view.setVisible(bool(lines))
        self._none.setVisible(not lines and len(entries) > 1)
        self._none.setText("They were told to do the same: only chance and the machine set them apart.")
        header = self._view.horizontalHeader()
        if lines:
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(0, _NAME_WIDTH)

    @Slot()
    def _retheme(self) -> None:
        self._view.viewport().update()
        self._view.horizontalHeader().viewport().update()
