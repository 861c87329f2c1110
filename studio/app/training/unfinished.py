"""Offers a training that was interrupted in an earlier session, and brings it back together with its pictures."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.state import StudioState
from studio.app.training import run_folders
from studio.app.training.controller import Phase, TrainingController
from studio.app.training.run_folders import UnfinishedRun
from studio.app.widgets.banner import Banner
from studio.app.widgets.moments import clock
from studio.errors import DataError, StudioError


class UnfinishedOffer(QObject):
    """Speaks through the stage's banner. The offer comes once, shortly after this was made.

    A run whose pictures lie in its folder goes on at once. Larger ones are taken from what is open; when that is
    something else the person is asked to open the pictures, and the run goes on by itself when they come.
    """

    open_requested = Signal()
    """The person wants to choose the pictures of the run."""

    def __init__(self, state: StudioState, controller: TrainingController, banner: Banner, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._controller = controller
        self._banner = banner
        self._awaiting: UnfinishedRun | None = None
        state.image_set_changed.connect(self._on_pictures)
        controller.run_ready.connect(self._forget)
        QTimer.singleShot(0, self, self._offer)

    @property
    def awaiting(self) -> UnfinishedRun | None:
        """The run that goes on as soon as its pictures are opened."""
        return self._awaiting

    @Slot()
    def _offer(self) -> None:
        run = run_folders.find_unfinished()
        if run is None or self._controller.phase is not Phase.IDLE or self._state.run is not None:
            return
        self._banner.show_message(
            f"A training on {run.title} was interrupted after {clock(run.seconds)}.",
            f"It can go on at step {run.step:,}, {run.fraction:.0%} of the way.",
            "info",
            [("Resume it", partial(self.take_up, run)), ("Leave it", partial(self.leave, run))],
        )

    def take_up(self, run: UnfinishedRun) -> None:
        """Go on with `run`, or ask for its pictures."""
        self._banner.clear()
        if run.has_pictures:
            self._controller.take_up(run.folder)
            return
        self._awaiting = run
        if self._state.image_set is None:
            self._ask(run)
        else:
            self._controller.take_up(run.folder, self._state.image_set)

    def leave(self, run: UnfinishedRun) -> None:
        """Never offer `run` again; what it wrote stays."""
        self._banner.clear()
        self._awaiting = None
        try:
            run_folders.mark_ended(run.folder, None)
        except StudioError as error:
            self._banner.show_error(error)

    def take_refusal(self, error: StudioError) -> bool:
        """After a failure: whether it means that the pictures which are open are not those of the run asked for."""
        if self._awaiting is None or not isinstance(error, DataError):
            return False
        self._ask(self._awaiting)
        return True

    def _ask(self, run: UnfinishedRun) -> None:
        self._banner.show_message(
            f"Open the pictures of “{run.title}”.",
            "There are too many to keep beside the run. It goes on by itself when they are open.",
            "info",
            [("Open…", self.open_requested.emit), ("Leave it", partial(self.leave, run))],
        )

    @Slot(object)
    def _on_pictures(self, image_set: object) -> None:
        if self._awaiting is not None and image_set is not None:
            self._banner.clear()
            self._controller.take_up(self._awaiting.folder, image_set)

    @Slot(object)
    def _forget(self, _event: object) -> None:
        self._awaiting = None
