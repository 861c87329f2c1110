"""What can be done with the chosen runs: a row of buttons, the same as a menu, each with its reason when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QMenu, QWidget

from studio.app.icons import icon
from studio.app.runs.browsing import run_browsing_of
from studio.app.runs.following import following_of
from studio.app.theme import Space
from studio.app.widgets.controls import IconButton, SecondaryButton
from studio.training.runs import RunStatus, RunSummary

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

LONGER_MINUTES = (1, 4, 15, 60)

_ONE = "Choose a single run."


class RunActions(QWidget):
    """Acts on what the RunBrowsing compares."""

    resume_requested = Signal(object, object)
    """The folder of a run that is to go on, and by how many minutes it is to be made longer (None: as it was)."""
    rename_requested = Signal()

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._browsing = run_browsing_of(state)
        self._following = following_of(state)
        self.model = SecondaryButton("Use its model", "bolt", self)
        self.go_on = SecondaryButton("Resume", "play", self)
        self.recipe = SecondaryButton("Train like this", "copy", self)
        self.folder = IconButton("folder", "Show its folder", parent=self)
        self.rename = IconButton("pencil", "Rename", "F2", parent=self)
        self.remove = IconButton("trash", "Remove", "Delete", parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        for widget in (self.model, self.go_on, self.recipe, self.rename, self.folder, self.remove):
            row.addWidget(widget)
        self.model.clicked.connect(self.use_model)
        self.go_on.clicked.connect(self.resume)
        self.recipe.clicked.connect(self.use_recipe)
        self.folder.clicked.connect(self.show_folder)
        self.rename.clicked.connect(self.rename_requested)
        self.remove.clicked.connect(self.remove_chosen)
        self._browsing.chosen_changed.connect(self.refresh)
        self._browsing.runs_changed.connect(self.refresh)
        state.training_changed.connect(self.refresh)
        state.followed_changed.connect(self.refresh)
        self.refresh()

    @property
    def _only(self) -> RunSummary | None:
        chosen = self._browsing.chosen
        return chosen[0].summary if len(chosen) == 1 else None

    @Slot()
    def refresh(self) -> None:
        """Say what can be done now, and why not."""
        run = self._only
        self._allow(
            self.model, "Use its model", "Make pictures with its averaged weights as they are now.", self._no_model()
        )
        words, symbol, what = self._going_on(run)
        self.go_on.set_text(words, symbol)
        self._allow(self.go_on, words, what, self._no_going_on(run))
        self._allow(
            self.recipe,
            "Train like this",
            "Fill the options of the next training with its settings and its network.",
            _ONE if run is None else "",
        )
        for button, words in ((self.folder, "Show its folder"), (self.rename, "Rename")):
            button.setEnabled(run is not None)
            button.set_tooltip(words, _ONE if run is None else "")
        refusals = [self._browsing.removal_refused(entry.summary.folder) for entry in self._browsing.chosen]
        refusal = "Choose a run first." if not refusals else refusals[0] if all(refusals) else ""
        self.remove.setEnabled(not refusal)
        self.remove.set_tooltip("Remove", refusal or "Can be taken back until the window closes.")

    @Slot()
    def use_model(self) -> None:
        if self._only is not None and self.model.isEnabled():
            self._browsing.use_model(self._only, self._runner)

    @Slot()
    def resume(self) -> None:
        """Go on with the run, follow it, or ask how much longer it is to train."""
        run = self._only
        if run is None or not self.go_on.isEnabled():
            return
        if self._is_followed(run):
            self._following.detach()
        elif run.status is RunStatus.RUNNING:
            self._following.attach(run.folder, self._runner)
        elif run.fraction >= 1.0:
            menu = self._longer_menu(run.folder)
            menu.popup(self.go_on.mapToGlobal(QPoint(0, self.go_on.height())))
        else:
            self.resume_requested.emit(run.folder, None)

    @Slot()
    def use_recipe(self) -> None:
        if self._only is not None:
            self._browsing.use_recipe(self._only, self._runner)

    @Slot()
    def show_folder(self) -> None:
        if self._only is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._only.folder)))

    @Slot()
    def remove_chosen(self) -> None:
        self._browsing.remove([entry.summary.folder for entry in self._browsing.chosen])

    def make_menu(self, parent: QWidget) -> QMenu:
        """The same as a menu; lives until it is closed."""
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)
        menu.aboutToHide.connect(menu.deleteLater)
        entries: tuple[tuple[QWidget, str, str, Callable[[], object]], ...] = (
            (self.model, "Use its model", "bolt", self.use_model),
            (self.go_on, self.go_on.text(), "play", self.resume),
            (self.recipe, "Train like this", "copy", self.use_recipe),
            (self.rename, "Rename", "pencil", self.rename_requested.emit),
            (self.folder, "Show its folder", "folder", self.show_folder),
            (self.remove, "Remove", "trash", self.remove_chosen),
        )
        for button, words, symbol, act in entries:
            action = menu.addAction(icon(symbol), words, act)
            action.setEnabled(button.isEnabled())
            action.setToolTip(button.toolTip())
        run = self._only
        if run is not None and self.go_on.text() == "Resume" and self.go_on.isEnabled():
            # A slow or distant process may write too seldom to be taken for alive.
            menu.addAction(icon("eye"), "Follow", self.follow)
        return menu

    @Slot()
    def follow(self) -> None:
        """Show the run live, whoever may train it."""
        if self._only is not None:
            self._following.attach(self._only.folder, self._runner)

    def _longer_menu(self, folder: Path) -> QMenu:
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        for minutes in LONGER_MINUTES:
            menu.addAction(f"{minutes} min longer", _Longer(self, folder, minutes))
        return menu

    def _is_followed(self, run: RunSummary) -> bool:
        followed = self._state.followed
        return followed is not None and followed.folder == run.folder

    def _going_on(self, run: RunSummary | None) -> tuple[str, str, str]:
        """Words, icon and reason of the second button."""
        if run is not None and self._is_followed(run):
            return "Let go", "close", "Show it no longer in the Train workspace. It trains on."
        if run is not None and run.status is RunStatus.RUNNING:
            return "Follow", "eye", "Show it live in the Train workspace while the other process trains it."
        if run is not None and run.fraction >= 1.0:
            return "Train longer", "plus", "Go on from where it ended, with more time."
        return "Resume", "play", "Go on from its last checkpoint."

    def _no_model(self) -> str:
        run = self._only
        if run is None:
            return _ONE
        if run.status is RunStatus.UNUSABLE:
            return "It has no checkpoint to take a model from."
        return ""

    def _no_going_on(self, run: RunSummary | None) -> str:
        if run is None:
            return _ONE
        if self._browsing.trains_here(run.folder):
            return "This window trains it already."
        if self._is_followed(run):
            return ""
        if self._state.training is not None:
            return "Another training goes on: stop it first."
        if run.status is RunStatus.UNUSABLE:
            return "It has no checkpoint to go on from."
        return ""

    @staticmethod
    def _allow(button: SecondaryButton, words: str, reason: str, refusal: str) -> None:
        button.setEnabled(not refusal)
        button.set_tooltip(words, reason=refusal or reason)


class _Longer:
    """One entry of the menu of times."""

    def __init__(self, actions: RunActions, folder: Path, minutes: int) -> None:
        self._actions, self._folder, self._minutes = actions, folder, minutes

    def __call__(self) -> None:
        self._actions.resume_requested.emit(self._folder, self._minutes)
