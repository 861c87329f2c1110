"""What else can be done with the schedule: compare, open, save, export, take back. They stand in the dock's title."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.schedule.comparison import ScheduleComparison
from studio.app.schedule.editing import ScheduleEditing
from studio.app.theme import Size
from studio.app.undo import UndoStack
from studio.app.widgets.controls import IconButton
from studio.app.widgets.export_menu import ExportButton
from studio.diffusion.schedule import DECIBEL_EDGES, snr_shares
from studio.generation.numbers import write_table

SCHEDULE_KINDS = ((".json", "Schedule, with how it was made"), (".csv", "Table of numbers"))
OPEN_FILTER = "Schedules (*.json *.csv)"
_KEEP = "Keep this one to compare"


class ScheduleActions(QObject):
    """The buttons, in the order they stand in; `parent` is the bench."""

    def __init__(
        self, editing: ScheduleEditing, comparison: ScheduleComparison, changes: UndoStack, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._editing, self._comparison, self._changes, self._bench = editing, comparison, changes, parent
        self.undo = IconButton("undo", "Undo", "Ctrl+Z", parent, dense=True)
        self.redo = IconButton("redo", "Redo", "Ctrl+Shift+Z", parent, dense=True)
        self.compare = IconButton("layers", "Compare with other schedules", parent=parent, dense=True)
        self.open = IconButton("import", "Open a schedule…", parent=parent, dense=True)
        self.open.set_tooltip("Open a schedule…", "JSON or CSV. One can also be dropped on this panel.")
        self.export = ExportButton(parent, "Export the schedule…")
        self.export.setProperty("dense", True)
        self.export.setFixedSize(Size.CONTROL_DENSE, Size.CONTROL_DENSE)
        self.export.add("Save the schedule", "schedule.json", SCHEDULE_KINDS, editing.save_file)
        self.export.add(
            "Export the steps at each signal to noise", "steps by snr.csv", ((".csv", "Table"),), self.write_shares
        )
        self.undo.clicked.connect(changes.undo)
        self.redo.clicked.connect(changes.redo)
        self.compare.clicked.connect(self._show_menu)
        self.open.clicked.connect(self._ask_for_file)
        changes.changed.connect(self._look)
        self._look()

    @property
    def buttons(self) -> tuple[IconButton, ...]:
        return self.undo, self.redo, self.compare, self.open, self.export

    def add_picture(self, title: str, name: str, widget: QWidget) -> None:
        """Offer what `widget` shows as a picture."""
        self.export.add(title, name, PICTURE_KINDS, partial(export_picture, widget))

    def write_shares(self, path: Path) -> None:
        """Write the share of steps in each bin of decibels as a table. Raises StorageError."""
        schedule = self._editing.schedule
        if schedule is not None:
            columns = {
                "from_db": DECIBEL_EDGES[:-1],
                "to_db": DECIBEL_EDGES[1:],
                "share_of_steps": snr_shares(schedule),
            }
            write_table(path, columns, overwrite=True)

    def make_menu(self) -> QMenu:
        """What can be compared with, each with a mark; lives until it is closed."""
        menu = QMenu(self._bench)
        menu.aboutToHide.connect(menu.deleteLater)
        names = self._comparison.names
        for name, title in self._comparison.choices():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(name in names)
            action.setData(name)
        menu.addSeparator()
        menu.addAction(_KEEP).setData("")
        menu.triggered.connect(self._choose)
        return menu

    @Slot()
    def _show_menu(self) -> None:
        self.make_menu().popup(self.compare.mapToGlobal(QPoint(0, self.compare.height())))

    @Slot(QAction)
    def _choose(self, action: QAction) -> None:
        if action.data():
            self._comparison.set_shown(action.data(), action.isChecked())
        else:
            self._comparison.keep()

    @Slot()
    def _ask_for_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._bench.window(), "Open a schedule", "", OPEN_FILTER)
        if name:
            self._editing.open_file(Path(name))

    @Slot()
    def _look(self) -> None:
        for button, verb, title in (
            (self.undo, "Undo", self._changes.next_undo),
            (self.redo, "Redo", self._changes.next_redo),
        ):
            button.setEnabled(bool(title))
            nothing = "Nothing was changed yet." if verb == "Undo" else "Nothing was undone."
            button.set_tooltip(f"{verb} {title}".rstrip(), "" if title else nothing)
