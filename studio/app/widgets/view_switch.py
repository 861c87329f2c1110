"""The switch between the workspaces of one family, which stands in the header of each of their pages."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from studio.app.arrangements import WORKSPACES
from studio.app.widgets.segmented import SegmentedControl


class ViewSwitch(SegmentedControl):
    """Shows the workspace that its page belongs to; the window connects `chosen` of every one it finds."""

    chosen = Signal(str)
    """The name of another workspace of the family."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        family = next(workspace.family for workspace in WORKSPACES if workspace.name == name)
        options = [(workspace.name, workspace.title) for workspace in WORKSPACES if workspace.family == family]
        super().__init__(options, name="Show", parent=parent)
        self._own = name
        self.set_value(name)
        self.value_changed.connect(self._choose)

    @property
    def option_count(self) -> int:
        """How many workspaces the family has; a switch between one is none."""
        return len(self._values)

    @Slot(object)
    def _choose(self, name: object) -> None:
        if name != self._own:
            self.set_value(self._own)
            self.chosen.emit(str(name))
