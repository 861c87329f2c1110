"""The training stage: the centre of the Train workspace. Time left first, then the wall where a model learns to see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, QTimer, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.docks.train.dataset_health import size_words
from studio.app.docks.train.header import TrainingHeader
from studio.app.docks.train.wall_panel import WallPanel
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import Size, Space
from studio.app.torch_gate import TorchGate
from studio.app.training.controller import Phase, TrainingController
from studio.app.training.event_feed import EventFeed
from studio.app.training.training_jobs import KeptModel, RunReady
from studio.app.training.unfinished import UnfinishedOffer
from studio.app.widgets.banner import Banner
from studio.app.widgets.moments import Moment, clock
from studio.app.widgets.panel_ground import PanelGround
from studio.errors import LossNotFinite, OutOfMemory, StorageError, StudioError

REDRAW_MS = 200
LEAST_HEIGHT = 260


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
        self.controller = TrainingController(state, runner, self)
        self.header = TrainingHeader(self)
        self.banner = Banner(self)
        self._panel = WallPanel(self)
        self.wall = self._panel.wall
        self.options: QWidget | None = None
        self._progress: object | None = None
        self._fractions: dict[int, float] = {}
        self._build()
        self._unfinished = UnfinishedOffer(state, self.controller, self.banner, self)
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
        self.banner.show_message(
            "Discard this run?",
            "Its model, checkpoints and rows are removed for good.",
            "warn",
            [("Discard the run", self.controller.stop_and_discard), ("Keep training", self.banner.clear)],
        )

    def minimumSizeHint(self) -> QSize:
        # Settings and messages that open take their room from the wall; they must not push the docks around.
        return QSize(self.header.minimumSizeHint().width(), LEAST_HEIGHT)

    # Building

    def _build(self) -> None:
        self._options_frame = PanelGround(self)
        self._options_row = QVBoxLayout(self._options_frame)
        self._options_row.setContentsMargins(Space.L, 0, Space.M, Space.M)
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
        self.header.options_toggled.connect(self._options_frame.setVisible)
        self._panel.moment_chosen.connect(self._show_marks)
        self.controller.phase_changed.connect(self._refresh)
        self.controller.run_ready.connect(self._on_run_ready)
        self.controller.last_row.connect(self._on_samples)
        self.controller.kept.connect(self._on_kept)
        self.controller.dropped.connect(self._on_dropped)
        self.controller.stopped.connect(self._on_stopped)
        self.controller.saved.connect(self.header.note_saved)
        self.controller.failed.connect(self._on_failed)
        self._unfinished.open_requested.connect(self.open_requested)
        self._state.image_set_changed.connect(self._choose_recipe)
        self._state.schedule_changed.connect(self._refresh)
        feed = EventFeed(self._state, self)
        feed.started.connect(self._on_started)
        feed.progressed.connect(self._on_progress)
        feed.samples_drawn.connect(self._on_samples)
        feed.checkpoint_saved.connect(self._on_saved)
        gate = TorchGate(runner, self)
        if gate.is_open:
            self._make_options()
        else:
            gate.opened.connect(self._make_options)

    @Slot()
    def _make_options(self) -> None:
        from studio.app.docks.train.options import TrainingOptions

        self.options = TrainingOptions(self._state, self._options_frame)
        self._options_row.addWidget(self.options)
        self.options.device_requested.connect(self.device_requested)
        self.options.changed.connect(self._refresh)
        self._choose_recipe()

    # Before a run

    @Slot()
    def _choose_recipe(self) -> None:
        image_set = self._state.image_set
        if self.options is not None and image_set is not None:
            from studio.training.presets import class_count_for

            shape = (image_set.channels, image_set.height, image_set.width)
            self.options.choose(self.header.intent, shape, class_count_for(image_set))
        self._refresh()

    def _start(self) -> None:
        self.banner.clear()
        try:
            settings, network_config = self.options.recipe()
        except StudioError as error:
            self.banner.show_error(error)
            return
        self.controller.start(settings, network_config)

    # While it runs

    @Slot(object)
    def _on_run_ready(self, event: RunReady) -> None:
        self.banner.clear()
        if event.rows:
            run = event.run
            pace = run.seconds / run.step if run.step else 0.0
            moments = [Moment(step, step * run.settings.batch_size, step * pace, rows) for step, rows in event.rows]
            self._fractions = {m.step: run.fraction * m.step / max(1, run.step) for m in moments}
            self.wall.set_moments(moments, self._columns(range(len(moments[-1].pictures)), run.class_names))
        self._panel.show_data(event.image_set.images)
        self.wall.set_newest_words("now, EMA" if event.run.settings.ema_halflife_images else "now")

    @Slot(object)
    def _on_started(self, event: object) -> None:
        if event.step == 0:
            self.wall.clear()
            self._fractions.clear()
            self.header.clear_progress()
        self._refresh()

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        self._progress = event
        if not self._redraw.isActive():
            self._redraw.start()

    @Slot(object)
    def _on_samples(self, event: object) -> None:
        run = self._state.run
        settings = self.controller.settings
        if settings is not None:
            self._fractions[event.step] = settings.budget.fraction(event.images_seen, event.seconds)
        elif run is not None:
            self._fractions[event.step] = run.fraction
        moment = Moment(event.step, event.images_seen, event.seconds, event.pictures)
        class_names = run.class_names if run is not None and event.labels is not None else ()
        self.wall.add(moment, self._columns(event.picture_numbers, class_names))

    def _columns(self, numbers: Sequence[int], class_names: Sequence[str]) -> list[str]:
        """What stands above the columns of the wall: the classes in turn where there are some, else the noise."""
        self._panel.show_order(classes=bool(class_names))
        if class_names:
            return [class_names[number % len(class_names)] for number in numbers]
        return [f"seed {number + 1}" for number in numbers]

    @Slot(object)
    def _on_saved(self, _event: object) -> None:
        self.header.note_saved()

    @Slot()
    def _show_progress(self) -> None:
        event, image_set = self._progress, self.controller.image_set
        if event is None or image_set is None:
            return
        self.header.show_progress(
            event.step, event.images_seen / image_set.count, event.pictures_per_second, event.fraction
        )
        if self.controller.phase is Phase.RUNNING:
            self._show_time()

    def _show_time(self) -> None:
        event, settings = self._progress, self.controller.settings
        if event is None or event.seconds_left is None:
            self.header.show_words("Estimating…", "how long it will take")
            return
        whole = f"of about {_duration(event.seconds + event.seconds_left)}"
        falls = settings is not None and event.fraction > settings.decay_start
        longer = (f"{whole} · learning rate falls",) if falls else ()
        self.header.show_words(f"{clock(event.seconds_left)} left", *longer, whole)

    @Slot()
    def _show_marks(self) -> None:
        current = self.wall.current
        chosen = None if current is None or self.wall.following else self._fractions.get(current.step)
        self.header.track.set_marks([self._fractions.get(m.step, 0.0) for m in self.wall.rows], chosen)

    # When it ends

    @Slot(object)
    def _on_kept(self, kept: KeptModel) -> None:
        actions = [("Save model as…", self.save_requested.emit)]
        if self.controller.can_go_on:
            actions.append(("Go on training", self.controller.go_on))
        self.banner.show_message(
            f"The model is kept as “{kept.path.stem}”.", "Every workspace can use it now.", "ok", actions
        )
        self._refresh()

    @Slot()
    def _on_dropped(self) -> None:
        self.wall.clear()
        self._progress = None
        self.header.clear_progress()
        self.banner.clear()
        self._refresh()

    @Slot()
    def _on_stopped(self) -> None:
        if self._state.run is None:
            return
        self.banner.show_message(
            "The training was stopped.",
            "Its state is saved; the model as it was can be kept.",
            "info",
            [("Keep the model", self.controller.keep), ("Go on training", self.controller.go_on)],
        )

    @Slot(object, str)
    def _on_failed(self, error: StudioError, trace: str) -> None:
        if self._unfinished.take_refusal(error):
            return
        actions = []
        suggestion = self.controller.suggestion(error)
        if suggestion is not None:
            words, settings = suggestion
            actions.append((words, partial(self.controller.start_again, settings)))
        # A paused run that could not be saved stands as it stood: there is nothing to begin again.
        run = self._state.run if self.controller.phase is Phase.IDLE else None
        if isinstance(error, StorageError) and run is not None:
            actions.append(("Try again", self.controller.go_on if run.fraction < 1.0 else self.controller.keep))
        elif run is not None and run.saved_step and not isinstance(error, OutOfMemory):
            actions.append(("Go on from the last checkpoint", self.controller.from_last_checkpoint))
        self.banner.show_error(error, trace, actions)
        if isinstance(error, LossNotFinite):
            self.header.show_words("Stopped", "the loss is no number any more")

    # Words

    @Slot()
    def _refresh(self) -> None:
        phase = self.controller.phase
        self.header.set_refusal(self._refusal())
        self.header.show_phase(phase)
        if phase is Phase.RUNNING:
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
        self._panel.empty.show_words(*self._empty_words())

    def _show_idle(self) -> None:
        image_set, run = self._state.image_set, self._state.run
        if run is not None and self.wall.rows and image_set is self.controller.image_set:
            words = "Trained for" if run.fraction >= 1.0 else "Stopped after"
            self.header.show_words(f"{words} {clock(run.seconds)}", "Start trains a new model")
        elif image_set is None:
            self.header.show_words("No pictures yet", "drop a folder anywhere, or take a starter set", "drop a folder")
        else:
            ready = "Ready to train"
            if self.options is not None and self.options.budget_is_by_hand:
                ready = f"Ready for {_duration(60 * self.options.budget.minutes)}"
            pictures = f"{image_set.count:,} pictures"
            self.header.show_words(ready, f"{pictures}, {size_words(image_set)}", pictures)

    def _empty_words(self) -> tuple[str, str]:
        if self.controller.alive:
            return "The first row comes in a moment", "one row a moment, one column a seed"
        if self._state.image_set is None:
            return "Open pictures to train on", "drop them anywhere, or take a starter set at the left"
        return "Press Start, and watch it learn", "one row a moment, one column a seed: from noise to pictures"

    def _refusal(self) -> str:
        if self._state.image_set is None:
            return "Open pictures first: drop a folder, or take a starter set."
        if self.options is None or self._state.schedule is None:
            return "The mathematics is still being loaded."
        return ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
