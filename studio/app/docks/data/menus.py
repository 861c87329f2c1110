"""What can be done with chosen pictures, under the right mouse button; and the new name of a class."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from studio.app.data.editing import DataEditing

MOST_CLASSES = 40
MOST_LOOKED_AT = 2000


class DataMenu(QObject):
    """Makes the menu anew each time it is asked for."""

    leave_out_requested = Signal()
    bring_back_requested = Signal()

    def __init__(self, editing: DataEditing, parent: QWidget) -> None:
        super().__init__(parent)
        self._editing = editing
        self._window = parent
        self._about: tuple[int, ...] = ()
        self._own = ""

    def make(self, chosen: Sequence[int]) -> QMenu:
        """The menu about these pictures of the catalog; lives until it is closed."""
        self._about = tuple(chosen)
        menu = QMenu(self._window)
        menu.aboutToHide.connect(menu.deleteLater)
        out = set(self._editing.left_out.tolist())
        if any(index not in out for index in chosen):
            menu.addAction("Leave out", self.leave_out_requested)
        if any(index in out for index in chosen):
            menu.addAction("Bring back", self.bring_back_requested)
        shown = self._editing.classes
        classes = menu.addMenu("Class")
        for name in (shown.names if shown is not None else ())[:MOST_CLASSES]:
            classes.addAction(name).setData(name)
        classes.triggered.connect(self._give)
        menu.addAction("A new class…", self._ask_class)
        names = {self._editing.class_of(index) for index in chosen[:MOST_LOOKED_AT]}
        if len(names) == 1 and (own := names.pop()) is not None:
            self._own = own
            menu.addAction(f"Rename “{own}”…", self._rename)
        return menu

    def show_for(self, chosen: Sequence[int], position: QPoint) -> None:
        """Open the menu at a global position."""
        self.make(chosen).popup(position)

    @Slot(str)
    def ask_new_name(self, name: str) -> None:
        """Ask how a class is to be called instead."""
        words = "New name; with the name of another class the two become one."
        text, agreed = QInputDialog.getText(self._window.window(), f"Rename {name}", words, text=name)
        if agreed:
            self._editing.rename_class(name, text)

    @Slot(QAction)
    def _give(self, action: QAction) -> None:
        self._editing.relabel(self._about, action.data())

    @Slot()
    def _rename(self) -> None:
        self.ask_new_name(self._own)

    @Slot()
    def _ask_class(self) -> None:
        text, agreed = QInputDialog.getText(self._window.window(), "A new class", "What is on these pictures?")
        if agreed:
            self._editing.relabel(self._about, text)
