"""What comes of the Runs page for the rest of the window: a run goes on, is followed, or lends its model or recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from studio.app.arrangements import DENOISE, RUNS, TRAIN
from studio.app.commands import Command
from studio.app.runs.browsing import is_run_folder, run_browsing_of
from studio.app.runs.following import following_of
from studio.app.training.controller import Phase
from studio.errors import DataError
from studio.training.runs import RunSummary, summarize

if TYPE_CHECKING:
    from studio.app.docks.runs.stage import RunsStage
    from studio.app.main_window import MainWindow
    from studio.networks.config import NetworkConfig
    from studio.training.settings import Budget, TrainingSettings


class RunVisits(QObject):
    """Made once by the window, after its pages."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._page: RunsStage = window.panels.pages[RUNS]
        browsing = run_browsing_of(window.state)
        browsing.model_taken.connect(self._show_model)
        browsing.recipe_chosen.connect(self._take_recipe)
        following_of(window.state).attached.connect(self._show_followed)
        self._page.resume_requested.connect(self.resume)
        window.commands.add(
            Command(
                "file.attach-run",
                "Attach a run…",
                self.attach,
                "File",
                icon="link",
                help="Show runs that lie in another folder, such as a shared disk",
            )
        )

    @Slot()
    def attach(self) -> None:
        """Ask for the folder of a run, and show it."""
        self._window.workspaces.switch(RUNS)
        self._page.ask_for_folder()

    def take_drop(self, paths: Sequence[Path]) -> bool:
        """Show the run whose folder was dropped, and offer what can be done with it; False when it is none.

        On the Runs page itself a folder is always taken for one of runs.
        """
        at_home = self._window.workspaces.current == RUNS and all(path.is_dir() for path in paths)
        if not is_run_folder(paths) and not at_home:
            return False
        self._window.workspaces.switch(RUNS)
        for path in paths:
            self._page.attach(path)
        return True

    @Slot(object, object)
    def resume(self, folder: Path, longer_minutes: int | None = None) -> None:
        """Go on with a run of the disk here, by so many minutes longer than it was to be."""
        window = self._window
        controller = window.panels.training.controller
        summary = summarize(folder)
        if summary is None or controller.phase is not Phase.IDLE:
            return
        image_set = None if summary.has_pictures else window.state.image_set
        if not summary.has_pictures and image_set is None:
            error = DataError(
                f"The pictures of “{summary.data_name}” are not kept beside this run.",
                "Open the same pictures, then resume it.",
            )
            self._page.show_error(error)
            return
        following_of(window.state).detach()
        window.workspaces.switch(TRAIN)
        if longer_minutes is None:
            controller.take_up(folder, image_set)
        else:
            controller.take_up(folder, image_set, budget=longer_budget(summary, longer_minutes))

    @Slot(object)
    def _show_model(self, _bundle: object) -> None:
        self._window.workspaces.switch(DENOISE)
        self._window.status_bar.say(f"{self._window.state.model_choice.title} is open")

    @Slot(object)
    def _show_followed(self, followed: object) -> None:
        self._window.workspaces.switch(TRAIN)
        self._window.status_bar.say(followed.words, "eye")

    @Slot(object, object)
    def _take_recipe(self, settings: TrainingSettings, network_config: NetworkConfig | None) -> None:
        options = self._window.panels.training.options
        if options is None or network_config is None:
            error = DataError(
                "The settings of this run cannot be taken over yet.", "Open pictures first, then try again."
            )
            self._page.show_error(error)
            return
        options.take_recipe(settings, network_config)
        self._window.workspaces.switch(TRAIN)
        self._window.status_bar.say("The next training begins with the settings of that run", "copy")


def longer_budget(summary: RunSummary, minutes: int) -> Budget:
    """The budget of a run made longer by so many minutes, in what it is counted in; at the speed it had so far."""
    from studio.training.settings import Budget

    content = summary.settings.get("budget")
    if isinstance(content, dict) and content.get("images"):
        speed = summary.images_seen / summary.seconds if summary.seconds > 0 else 1000.0
        return Budget(images=max(int(content["images"]), summary.images_seen) + max(1, round(60 * minutes * speed)))
    before = float(content["minutes"]) if isinstance(content, dict) and content.get("minutes") else 0.0
    return Budget(minutes=max(before, summary.seconds / 60.0) + minutes)
