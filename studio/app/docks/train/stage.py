"""The training stage: the centre of the Train workspace. Time left first, then the wall where a model learns to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from studio.app.data.editing import Augmentation, data_editing_of
from studio.app.docks.train.header import TrainingHeader
from studio.app.docks.train.intent_estimates import IntentEstimates
from studio.app.docks.train.live_changes import LiveChanges
from studio.app.docks.train.stage_messages import StageMessages
from studio.app.docks.train.stage_words import empty_words, ready_words, time_words
from studio.app.docks.train.wall_feed import WallFeed
from studio.app.docks.train.wall_panel import WallPanel
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import Size
from studio.app.torch_gate import TorchGate
from studio.app.training.controller import Phase, TrainingController
from studio.app.training.event_feed import EventFeed
from studio.app.training.record import record_of
from studio.app.training.unfinished import UnfinishedOffer
from studio.app.widgets.banner import Banner
from studio.app.widgets.moments import clock
from studio.app.widgets.panel_ground import PanelGround
from studio.errors import StudioError

if TYPE_CHECKING:
    from pathlib import Path

    from studio.app.docks.train.checkpoints import CheckpointsDock
    from studio.app.runs.followed import FollowedRun
    from studio.networks.config import NetworkConfig
    from studio.training.events import Progress
    from studio.training.kept_checkpoints import KeptCheckpoint
    from studio.training.settings import TrainingSettings

REDRAW_MS = 200
LEAST_HEIGHT = 260
LARGEST_OPTIONS_SHARE = 0.6
"""The settings, when they are open, take at most so much of the stage's height; the rest is scrolled."""


class TrainingStage(QWidget):
    """Header, banner and sample wall around a TrainingController."""

    save_requested = Signal()
    """The person wants the model in a file of their choice."""
    open_requested = Signal()
    """The person wants to choose pictures."""
    device_requested = Signal(str)
    """The name of the device on which the next training is to run."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trainingStage")
        self._state = state
        self._record = record_of(state, runner)
        self.controller = TrainingController(state, runner, self)
        self.header = TrainingHeader(self)
        self.view_switch = self.header.view_switch
        self.banner = Banner(self)
        self._panel = WallPanel(runner, self)
        self.wall = self._panel.wall
        self.options: QWidget | None = None
        self._progress: Progress | None = None
        self._changes = LiveChanges(self)
        self._estimates = IntentEstimates(state, runner, self.header, self)
        self._build()
        self._unfinished = UnfinishedOffer(state, self.controller, self.banner, self)
        self._messages = StageMessages(state, self.controller, self._unfinished, self.banner, self)
        self._feed = WallFeed(state, runner, self.controller, self._panel, self.header.track, self)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._show_progress)
        self._connect(runner)
        self._refresh()

    # What commands of the window call

    @Slot()
    def primary_action(self) -> None:
        """Start, pause or resume: whatever the large button says."""
        phase = self.controller.phase
        if phase is Phase.RUNNING:
            self.controller.pause()
        elif phase is Phase.PAUSED:
            self.controller.resume()
        elif phase is Phase.IDLE and self.header.primary.isEnabled():
            self._start()

    @Slot()
    def stop_and_keep(self) -> None:
        self.controller.stop_and_keep()

    @Slot()
    def ask_to_discard(self) -> None:
        """Ask before anything is lost; training goes on meanwhile."""
        self._messages.ask_to_discard()

    def join(self, checkpoints: CheckpointsDock) -> None:
        """Let the list of checkpoints act on this training."""
        checkpoints.join(self.controller, self.wall)
        checkpoints.go_back_requested.connect(self.go_back_to)
        checkpoints.failed.connect(self._on_export_failed)
        checkpoints.saved.connect(self._on_model_saved)

    @Slot(object)
    def _on_model_saved(self, path: Path) -> None:
        self.banner.show_message(f"The model is in “{path.name}”.", str(path.parent), "ok")

    @Slot(object, object)
    def take_recipe(self, settings: TrainingSettings, network_config: NetworkConfig) -> None:
        """Fill the settings of the next training with those of another run, and show them."""
        if self.options is not None:
            self.options.take_recipe(settings, network_config)
            self.header.show_options(True)

    @Slot(object)
    def go_back_to(self, kept: KeptCheckpoint) -> None:
        """Go on from a checkpoint, as a run of its own; the one that is shown stays as it is."""
        self.banner.clear()
        self.controller.go_back_to(kept)

    def minimumSizeHint(self) -> QSize:
        # Settings and messages that open take their room from the wall; they must not push the docks around.
        return QSize(self.header.minimumSizeHint().width(), LEAST_HEIGHT)

    # Building

    def _build(self) -> None:
        self._options_frame = PanelGround(self)
        row = QVBoxLayout(self._options_frame)
        row.setContentsMargins(0, 0, 0, 0)
        self._options_area = QScrollArea(self._options_frame)
        self._options_area.setWidgetResizable(True)
        self._options_area.setFrameShape(QFrame.Shape.NoFrame)
        self._options_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._options_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(self._options_area)
        self._options_frame.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self._options_frame)
        layout.addWidget(self.banner)
        layout.addSpacing(Size.DOCK_GAP)
        layout.addWidget(self._panel, 1)

    def _connect(self, runner: Runner) -> None:
        self.header.primary_clicked.connect(self.primary_action)
        self.header.keep_requested.connect(self.stop_and_keep)
        self.header.discard_requested.connect(self.ask_to_discard)
        self.header.intent_changed.connect(self._choose_recipe)
        self.header.options_toggled.connect(self._show_options)
        self.header.change_requested.connect(self._open_changes)
        self._changes.rate_requested.connect(self._change_rate)
        self._changes.minutes_requested.connect(self._add_minutes)
        self._changes.images_requested.connect(self._add_images)
        self._panel.export_failed.connect(self._on_export_failed)
        self._feed.way_back_chosen.connect(self.go_back_to)
        self._messages.save_requested.connect(self.save_requested)
        self._messages.stopped_by_error.connect(self._on_lost)
        self.controller.phase_changed.connect(self._refresh)
        self.controller.kept.connect(self._refresh)
        self.controller.dropped.connect(self._on_dropped)
        self.controller.saved.connect(self.header.note_saved)
        self._unfinished.open_requested.connect(self.open_requested)
        self._state.image_set_changed.connect(self._choose_recipe)
        self._estimates.changed.connect(self._on_estimates)
        self._state.schedule_changed.connect(self._refresh)
        self._state.followed_changed.connect(self._on_followed)
        feed = EventFeed(self._state, self)
        feed.started.connect(self._on_started)
        feed.progressed.connect(self._on_progress)
        feed.checkpoint_saved.connect(self.header.note_saved)
        gate = TorchGate(runner, self)
        if gate.is_open:
            self._make_options()
        else:
            gate.opened.connect(self._make_options)

    @Slot()
    def _make_options(self) -> None:
        from studio.app.docks.train.options import TrainingOptions

        self.options = TrainingOptions(self._state, self._options_frame)
        self._options_area.setWidget(self.options)
        self.options.device_requested.connect(self.device_requested)
        self.options.changed.connect(self._refresh)
        self._estimates.take_options(self.options)
        self.options.changed.connect(self._tell_augmentation)
        self.options.height_changed.connect(self._fit_options)
        self._choose_recipe()

    @Slot(bool)
    def _show_options(self, shown: bool) -> None:
        self._options_frame.setVisible(shown)
        self._fit_options()

    @Slot()
    def _fit_options(self) -> None:
        if self.options is not None and not self._options_frame.isHidden():
            most = max(40, round(LARGEST_OPTIONS_SHARE * self.height()))
            self._options_area.setFixedHeight(min(self.options.wanted_height, most))

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)
        self._fit_options()

    # Before a run

    @Slot()
    def _choose_recipe(self) -> None:
        image_set = self._state.image_set
        if self.options is not None and image_set is not None:
            from studio.training.presets import class_count_for

            shape = (image_set.channels, image_set.height, image_set.width)
            self.options.choose(self.header.intent, shape, class_count_for(image_set))
        self._estimates.ask()
        self._refresh()

    @Slot()
    def _tell_augmentation(self) -> None:
        """The Data page shows what the network may see of a picture."""
        data_editing_of(self._state).set_augmentation(Augmentation(**self.options.augmentation))

    @Slot()
    def _on_estimates(self) -> None:
        if self.controller.phase is Phase.IDLE:
            self._refresh()

    def _start(self) -> None:
        self.banner.clear()
        try:
            settings, network_config = self.options.recipe()
        except StudioError as error:
            self.banner.show_error(error)
            return
        self.controller.start(settings, network_config, tensorboard=self.options.tensorboard)

    # While it runs

    @Slot(object)
    def _on_started(self, event: object) -> None:
        if event.step == 0:
            self.header.clear_progress()
        self._refresh()

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        self._progress = event
        if not self._redraw.isActive():
            self._redraw.start()

    @Slot()
    def _show_progress(self) -> None:
        event, count = self._progress, self._image_count()
        if event is None or not count:
            return
        self.header.show_progress(event.step, event.images_seen / count, event.pictures_per_second, event.fraction)
        self._show_flag(event)
        if self.controller.phase is Phase.RUNNING or self._state.followed is not None:
            self._show_time()

    def _show_flag(self, event: Progress) -> None:
        seconds = self._record.recognisable
        if seconds is None or event.seconds <= 0:
            self.header.track.set_flag(None)
        else:
            words = f"Pictures became recognisable at {clock(seconds)}: one can tell what each shows."
            self.header.track.set_flag(event.fraction * min(1.0, seconds / event.seconds), words)

    def _image_count(self) -> int:
        if self._state.followed is not None:
            return self._state.followed.image_count
        return 0 if self.controller.image_set is None else self.controller.image_set.count

    def _show_time(self) -> None:
        followed = self._state.followed
        if followed is not None:
            headline, *detail = time_words(self._progress, None, None)
            self.header.show_words("Following" if followed.finished else headline, followed.words, *detail)
            return
        self.header.show_words(*time_words(self._progress, self.controller.settings, self._record.recognisable))

    @Slot(object)
    def _on_followed(self, followed: FollowedRun | None) -> None:
        self._progress = None
        if followed is not None:
            followed.state_changed.connect(self._refresh)
        else:
            self.header.clear_progress()
        self._refresh()

    @Slot()
    def _on_dropped(self) -> None:
        self._progress = None
        self.header.clear_progress()
        self.banner.clear()
        self._refresh()

    @Slot(object)
    def _on_lost(self, _error: object) -> None:
        self.header.show_words("Stopped", "the loss is no number any more")

    @Slot(object)
    def _on_export_failed(self, error: StudioError) -> None:
        self.banner.show_error(error)

    # What is changed while it runs

    @Slot()
    def _open_changes(self) -> None:
        settings = self.controller.settings
        if settings is not None:
            rate = self.controller.learning_rate or settings.learning_rate
            self._changes.open(self.header.change_button, rate, settings.budget.images)

    @Slot(float)
    def _change_rate(self, rate: float) -> None:
        self.controller.change_learning_rate(rate)

    @Slot(float)
    def _add_minutes(self, minutes: float) -> None:
        self.controller.add_time(minutes=minutes)

    @Slot(int)
    def _add_images(self, images: int) -> None:
        self.controller.add_time(images=images)

    # Words

    @Slot()
    def _refresh(self) -> None:
        phase = self.controller.phase
        self.header.set_refusal(self._refusal())
        self.header.show_phase(phase)
        self._estimates.allow(phase is Phase.IDLE and self._state.followed is None)
        if self._state.followed is not None or phase is Phase.RUNNING:
            self._show_time()
        elif phase in (Phase.PAUSED, Phase.PAUSING):
            self.header.show_words("Paused", "the model stays usable in every workspace", "the model stays usable")
        elif phase is Phase.STARTING:
            self.header.show_words("Getting ready…", "building the network")
        elif phase is Phase.STOPPING:
            self.header.show_words("Stopping…", "after this step")
        elif phase is Phase.KEEPING:
            self.header.show_words("Saving…", "the model goes into your library")
        else:
            self._show_idle()
        self._panel.empty.show_words(*empty_words(self.controller.alive, self._state.image_set is not None))

    def _show_idle(self) -> None:
        image_set, run = self._state.image_set, self._state.run
        if run is not None and self.wall.rows and image_set is self.controller.image_set:
            words = "Trained for" if run.fraction >= 1.0 else "Stopped after"
            self.header.show_words(f"{words} {clock(run.seconds)}", "Start trains a new model")
        elif image_set is None:
            self.header.show_words("No pictures yet", "drop a folder anywhere, or take a starter set", "drop a folder")
        else:
            by_hand = self.options is not None and self.options.budget_is_by_hand
            minutes = self.options.budget.minutes if by_hand else None
            self.header.show_words(*ready_words(image_set, minutes, self._estimates.own))

    def _refusal(self) -> str:
        if self._state.followed is not None:
            return self._state.followed.refusal
        if self._state.image_set is None:
            return "Open pictures first: drop a folder, or take a starter set."
        if self.options is None or self._state.schedule is None:
            return "The mathematics is still being loaded."
        return ""
