"""The button, and the menu, that begin a branch at the moment under the playhead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.app.docks.denoise.branch_menu import BranchMenu
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.widgets.controls import IconButton, SecondaryButton

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_KEY = "B"
_NAME = "Branch from this moment"


def open_branch_menu(
    parent: QWidget, state: StudioState, runner: Runner, position: int | None, place: QPoint
) -> BranchMenu:
    """Ask what to change from a position on, the playhead's when None; the menu says why when nothing can be."""
    menu = BranchMenu(state, runner, position, parent)
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(place)
    return menu


class BranchHere(QWidget):
    """Opens the menu of ways on; says in its tool tip why there are none. The wide one of the two also hears B."""

    def __init__(
        self, state: StudioState, runner: Runner, parent: QWidget | None = None, *, icon_only: bool = False
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._branches = branches_of(state)
        self.button: IconButton | SecondaryButton
        if icon_only:
            self.button = IconButton("branch", _NAME, _KEY, self, dense=True)
        else:
            self.button = SecondaryButton("Branch here", "branch", self, dense=True)
            shortcut = QShortcut(QKeySequence(_KEY), self)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(self.open)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        self.button.clicked.connect(self.open)
        denoising = denoising_of(state)
        denoising.playback.position_changed.connect(self._show)
        denoising.playback.extent_changed.connect(self._show)
        denoising.frames_changed.connect(self._show)
        denoising.running_changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    @Slot()
    def open(self) -> None:
        """Open the menu below the button."""
        if not self._branches.refusal():
            place = self.button.mapToGlobal(QPoint(0, self.button.height()))
            open_branch_menu(self, self._state, self._runner, None, place)

    @Slot()
    def _show(self) -> None:
        refusal = self._branches.refusal()
        self.button.setEnabled(not refusal)
        if isinstance(self.button, IconButton):
            self.button.set_tooltip(_NAME, refusal)
        else:
            self.button.set_tooltip(_NAME, _KEY, refusal)
