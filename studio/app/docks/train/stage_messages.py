"""What happened to a training, said in the stage's banner with the buttons to go on from there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.docks.train.stage_words import duration
from studio.app.training.controller import Phase, TrainingController
from studio.app.training.event_feed import EventFeed
from studio.app.training.unfinished import UnfinishedOffer
from studio.app.widgets.banner import Banner
from studio.errors import LossNotFinite, OutOfMemory, StorageError, StudioError

if TYPE_CHECKING:
    from pathlib import Path

    from studio.app.runs.followed import FollowedRun
    from studio.app.state import StudioState
    from studio.app.training.training_jobs import KeptModel
    from studio.training.events import Marked

_HEADS = {
    "rolled back": "The loss ran away.",
    "micro-batches": "A whole batch did not fit into memory.",
}
"""What a mark's sentence begins with where it says only what was done about it."""


class StageMessages(QObject):
    """Speaks through the banner; marks on the way are only told, the end of a run asks what next."""

    save_requested = Signal()
    """The person wants the model in a file of their choice."""
    stopped_by_error = Signal(object)
    """The StudioError that ended the run."""

    def __init__(
        self,
        state: StudioState,
        controller: TrainingController,
        unfinished: UnfinishedOffer,
        banner: Banner,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._controller = controller
        self._unfinished = unfinished
        self._banner = banner
        self._went_back = False
        controller.run_ready.connect(self._on_run_ready)
        controller.went_back.connect(self._on_went_back)
        controller.kept.connect(self._on_kept)
        controller.stopped.connect(self._on_stopped)
        controller.failed.connect(self._on_failed)
        state.followed_changed.connect(self._on_followed)
        feed = EventFeed(state, self)
        feed.marked.connect(self._on_marked)

    def ask_to_discard(self) -> None:
        """Ask before anything is lost; training goes on meanwhile."""
        self._banner.show_message(
            "Discard this run?",
            "Its model, checkpoints and rows are removed for good.",
            "warn",
            [("Discard the run", self._controller.stop_and_discard), ("Keep training", self._banner.clear)],
        )

    @Slot(object)
    def _on_marked(self, event: Marked) -> None:
        """What the run did by itself is said at once; what the person asked for stands on the curves."""
        head = _HEADS.get(str(event.kind))
        if head is not None:
            detail = event.detail or event.text
            # The trainer's own sentence is a whole one; a few words need the head before them.
            what, remedy = (detail, "") if detail.endswith(".") else (head, detail)
            self._banner.show_message(what, remedy, "warn")

    @Slot(object)
    def _on_went_back(self, folder: Path) -> None:
        self._went_back = True
        self._banner.show_message(
            "A new run goes on from an earlier checkpoint.",
            f"The one from before stays as it was, in “{folder.name}”.",
            "info",
            [("Back to where it was", partial(self._controller.take_up_instead, folder))],
        )

    @Slot(object)
    def _on_run_ready(self, _event: object) -> None:
        # What was said of an earlier run is over; the way back to it is not.
        if not self._went_back:
            self._banner.clear()
        self._went_back = False

    @Slot(object)
    def _on_followed(self, followed: FollowedRun | None) -> None:
        if followed is None:
            self._banner.clear()
            return
        from studio.app.runs.following import following_of

        following = following_of(self._state)
        actions = [("Use this model now", following.use_model), ("Stop following", following.detach)]
        self._banner.show_message(followed.words, followed.refusal, "info", actions)

    @Slot(object)
    def _on_kept(self, kept: KeptModel) -> None:
        actions = [("Save model as…", self.save_requested.emit)]
        if self._controller.can_go_on:
            actions.append(("Go on training", self._controller.go_on))
        elif self._state.run is not None:
            actions.append((f"Train {self._more_words()} more", self._train_longer))
        self._banner.show_message(
            f"The model is kept as “{kept.path.stem}”.", "Every workspace can use it now.", "ok", actions
        )

    def _more_words(self) -> str:
        settings = self._controller.settings
        if settings is None or settings.budget.minutes is None:
            return "as long"
        return duration(60 * settings.budget.minutes)

    def _train_longer(self) -> None:
        """As long again as the run took."""
        settings = self._controller.settings
        if settings is None:
            return
        self._banner.clear()
        if settings.budget.minutes is not None:
            self._controller.add_time(minutes=settings.budget.minutes)
        else:
            self._controller.add_time(images=settings.budget.images)

    @Slot()
    def _on_stopped(self) -> None:
        if self._state.run is None:
            return
        self._banner.show_message(
            "The training was stopped.",
            "Its state is saved; the model as it was can be kept.",
            "info",
            [("Keep the model", self._controller.keep), ("Go on training", self._controller.go_on)],
        )

    @Slot(object, str)
    def _on_failed(self, error: StudioError, trace: str) -> None:
        if self._unfinished.take_refusal(error):
            return
        actions = []
        suggestion = self._controller.suggestion(error)
        if suggestion is not None:
            words, settings = suggestion
            actions.append((words, partial(self._controller.start_again, settings)))
        # A paused run that could not be saved stands as it stood: there is nothing to begin again.
        run = self._state.run if self._controller.phase is Phase.IDLE else None
        if isinstance(error, StorageError) and run is not None:
            actions.append(("Try again", self._controller.go_on if run.fraction < 1.0 else self._controller.keep))
        elif run is not None and run.saved_step and not isinstance(error, OutOfMemory):
            actions.append(("Go on from the last checkpoint", self._controller.from_last_checkpoint))
        self._banner.show_error(error, trace, actions)
        if isinstance(error, LossNotFinite):
            self.stopped_by_error.emit(error)
