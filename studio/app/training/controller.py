"""Owns the training that goes on: starts, pauses, resumes and ends it, and keeps the model that came out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.runner import JobHandle, JobState, Runner
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.training import training_jobs
from studio.app.training.training_jobs import KeptModel, RunReady
from studio.data.image_set import ImageSet
from studio.errors import LossNotFinite, OutOfMemory, SettingsError, StudioError
from studio.paths import user_folder

if TYPE_CHECKING:
    from studio.networks.config import NetworkConfig
    from studio.training.kept_checkpoints import KeptCheckpoint
    from studio.training.run import TrainingRun
    from studio.training.settings import Budget, TrainingSettings


class Phase(Enum):
    """Where the training stands."""

    IDLE = auto()
    STARTING = auto()
    RUNNING = auto()
    PAUSING = auto()
    PAUSED = auto()
    STOPPING = auto()
    KEEPING = auto()


class _Ending(Enum):
    """What is to become of a run once its job has stopped."""

    KEEP = auto()
    DROP = auto()
    LEAVE = auto()


class TrainingController(QObject):
    """One training at a time. Puts run, job and finished model into the state; panels listen to the state."""

    phase_changed = Signal(object)
    """The new Phase."""
    run_ready = Signal(object)
    """A RunReady: the run is made and about to train."""
    last_row = Signal(object)
    """A SamplesDrawn: the row that belongs to the model which is being kept."""
    kept = Signal(object)
    """The KeptModel: a model in the user's library, which is the state's model now."""
    dropped = Signal()
    """The run was discarded."""
    stopped = Signal()
    """The run was ended by someone else, neither kept nor discarded; its checkpoint is saved."""
    went_back = Signal(object)
    """The folder of the run that was left where it was: another one goes on from one of its checkpoints."""
    saved = Signal()
    """The training was saved because it paused; checkpoints on the way are events of the run."""
    failed = Signal(object, str)
    """A StudioError, and a traceback when it is a defect of the program."""

    def __init__(self, state: StudioState, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._phase = Phase.IDLE
        self._handle: JobHandle | None = None
        self._after: JobHandle | None = None
        self._ending = _Ending.LEAVE
        self._instead: Callable[[], None] | None = None
        self._image_set: ImageSet | None = None
        self._settings: TrainingSettings | None = None
        self._network_config: NetworkConfig | None = None

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def alive(self) -> bool:
        """A run is being made, trains or is paused."""
        return self._phase in (Phase.STARTING, Phase.RUNNING, Phase.PAUSING, Phase.PAUSED)

    @property
    def image_set(self) -> ImageSet | None:
        """The pictures of the run that goes on, or was the last."""
        return self._image_set

    @property
    def settings(self) -> TrainingSettings | None:
        """The settings of the run that goes on, or was the last."""
        return self._settings

    @property
    def can_go_on(self) -> bool:
        """The last run is still in memory and has budget left."""
        run = self._state.run
        return self._phase is Phase.IDLE and run is not None and run.fraction < 1.0

    @property
    def learning_rate(self) -> float | None:
        """That of the plateau, as it is now in force for the run that goes on or was the last; None without a run."""
        run = self._state.run
        if run is None:
            return None
        return run.changes_requested.look().learning_rate or run.plateau_learning_rate

    @property
    def budget(self) -> Budget | None:
        """What the run that goes on, or was the last, is to take in all; None without a run."""
        run = self._state.run
        return None if run is None else run.changes_requested.look().budget or run.settings.budget

    def start(self, settings: TrainingSettings, network_config: NetworkConfig, *, tensorboard: bool = False) -> None:
        """Train a new model on the state's pictures, with the state's schedule, on the state's device.

        tensorboard: write event files for TensorBoard into the run's folder as well.
        """
        image_set, schedule = self._state.image_set, self._state.schedule
        if self._phase is not Phase.IDLE:
            return
        if image_set is None or schedule is None:
            self.failed.emit(SettingsError("There are no pictures to train on.", "Open pictures or a starter set."), "")
            return
        self._image_set, self._settings, self._network_config = image_set, settings, network_config
        device = self._state.device
        job = training_jobs.begin(image_set, schedule, settings, network_config, device, tensorboard=tensorboard)
        self._begin(job, f"Training on {image_set.name}")

    def take_up(self, folder: Path, image_set: ImageSet | None = None, budget: Budget | None = None) -> None:
        """Resume the run in `folder` from its last checkpoint, on `image_set` or the pictures kept beside it.

        budget: what it is to take in all from now on; None for what it was to take before.
        """
        if self._phase is Phase.IDLE:
            self._begin(training_jobs.take_up(folder, image_set, self._state.device, budget), "Training")

    @Slot()
    def go_on(self) -> None:
        """Go on with the run that was stopped last, from exactly where it stood."""
        run = self._state.run
        if self._phase is Phase.IDLE and run is not None and self._image_set is not None:
            self._begin(training_jobs.go_on(run, self._image_set), f"Training on {self._image_set.name}")

    @Slot()
    def from_last_checkpoint(self) -> None:
        """Read the last good checkpoint of the run that failed, and go on from there."""
        run = self._state.run
        if run is not None:
            self.take_up(run.folder, self._image_set)

    @Slot()
    def pause(self) -> None:
        if self._handle is not None and self._phase is Phase.RUNNING:
            self._handle.pause()

    @Slot()
    def resume(self) -> None:
        if self._handle is not None and self._phase in (Phase.PAUSED, Phase.PAUSING):
            self._handle.resume()

    @Slot()
    def stop_and_keep(self) -> None:
        """End the run and keep its model in the library."""
        self._stop(_Ending.KEEP)

    @Slot()
    def stop_and_discard(self) -> None:
        """End the run and remove all that it wrote."""
        self._stop(_Ending.DROP)

    @Slot()
    def keep(self) -> None:
        """Keep the model of the run that was stopped last, for instance after the disk was full."""
        run = self._state.run
        if self._phase is Phase.IDLE and run is not None:
            self._keep(run)

    def change_learning_rate(self, value: float) -> None:
        """Train on with another learning rate, that of the plateau; the curve says where."""
        run = self._state.run
        if run is None:
            return
        try:
            run.request_learning_rate(value)
        except SettingsError as error:
            self.failed.emit(error, "")

    def change_budget(self, budget: Budget) -> None:
        """Let the run that goes on take more or less in all; one that is done goes on when that is more."""
        run = self._state.run
        if run is None:
            return
        run.request_budget(budget)
        if self._phase is Phase.IDLE and budget.fraction(run.images_seen, run.seconds) < 1.0:
            self.go_on()

    def add_time(self, minutes: float | None = None, images: int | None = None) -> None:
        """Let the run take so many minutes or pictures more; given in the other kind, they count from now on."""
        from studio.training.settings import Budget

        run, budget = self._state.run, self.budget
        if run is None or budget is None:
            return
        try:
            if minutes is not None:
                before = run.seconds / 60.0
                # A run that took longer than it was to take gets the whole of what is added.
                before = before if budget.minutes is None else max(budget.minutes, before * (run.fraction >= 1.0))
                self.change_budget(Budget(minutes=before + minutes))
            elif images is not None:
                before = run.images_seen
                before = before if budget.images is None else max(budget.images, before * (run.fraction >= 1.0))
                self.change_budget(Budget(images=round(before) + images))
        except SettingsError as error:
            self.failed.emit(error, "")

    def go_back_to(self, kept: KeptCheckpoint) -> None:
        """Go on from a checkpoint that was kept, in a new run; the present one is saved and stays as it is."""
        self._stop_for(partial(self._branch, kept))

    def take_up_instead(self, folder: Path) -> None:
        """Go on with the run in `folder`; the present one is saved and stays as it is."""
        self._stop_for(partial(self.take_up, folder))

    def suggestion(self, error: StudioError) -> tuple[str, TrainingSettings] | None:
        """Words and settings for a new try after this error, when there is an obvious one."""
        from dataclasses import replace

        settings = self._settings
        if settings is None:
            return None
        if isinstance(error, LossNotFinite):
            return "Start again with a third of the learning rate", replace(
                settings, learning_rate=settings.learning_rate / 3
            )
        if isinstance(error, OutOfMemory) and settings.batch_size > 1:
            return "Start again with half the batch", replace(settings, batch_size=settings.batch_size // 2)
        return None

    def start_again(self, settings: TrainingSettings) -> None:
        """A new run with other settings on the pictures and network of the last."""
        if self._phase is Phase.IDLE and self._image_set is not None and self._network_config is not None:
            if self._state.image_set is not self._image_set:
                self._state.set_image_set(self._image_set)
            self.start(settings, self._network_config)

    def _begin(self, job: object, title: str) -> None:
        self._ending = _Ending.LEAVE
        self._set_phase(Phase.STARTING)
        handle = self._runner.start(job, title)
        self._handle = handle
        handle.events.connect(self._on_events)
        handle.state_changed.connect(self._on_state)
        handle.succeeded.connect(self._on_succeeded)
        handle.failed.connect(self._on_failed)
        handle.cancelled.connect(self._on_cancelled)
        self._state.set_training(handle)

    def _branch(self, kept: KeptCheckpoint) -> None:
        # A checkpoint lies in the folder "checkpoints" of its run's.
        folder = kept.path.parent.parent
        run = self._state.run
        image_set = self._image_set if run is not None and run.folder == folder else None
        job = training_jobs.branch_off(folder, kept, image_set, self._state.device)
        self._begin(job, "Training from an earlier checkpoint")
        self.went_back.emit(folder)

    def _stop_for(self, instead: Callable[[], None]) -> None:
        """Do `instead` as soon as no run goes on any more."""
        if self._phase is Phase.IDLE:
            instead()
        elif self.alive and self._handle is not None:
            self._instead = instead
            self._stop(_Ending.LEAVE)

    def _stop(self, ending: _Ending) -> None:
        if self._handle is not None and self.alive:
            self._ending = ending
            self._set_phase(Phase.STOPPING)
            self._handle.cancel()

    @Slot(list)
    def _on_events(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, RunReady):
                self._on_run_ready(event)
            elif self._state.run is not None:
                # Settings change on the way.
                self._settings = self._state.run.settings

    def _on_run_ready(self, event: RunReady) -> None:
        self._image_set = event.image_set
        self._settings, self._network_config = event.run.settings, event.run.network_config
        if self._state.image_set is None:
            self._state.set_image_set(event.image_set)
        self._state.set_run(event.run)
        if self._state.model is None:
            # The first model of all: every workspace can use it while it learns.
            self._state.set_model(None, ModelChoice(ModelSource.LIVE, "The model in training"))
        if self._phase is Phase.STARTING:
            self._set_phase(Phase.RUNNING)
        self.run_ready.emit(event)

    @Slot(object)
    def _on_state(self, state: JobState) -> None:
        if self._phase is Phase.STOPPING or self._state.run is None:
            return
        phase = {
            JobState.RUNNING: Phase.RUNNING,
            JobState.PAUSING: Phase.PAUSING,
            JobState.PAUSED: Phase.PAUSED,
            JobState.CANCELLING: Phase.STOPPING,
        }.get(state)
        if phase is not None and self._phase is not Phase.STARTING:
            if phase is Phase.PAUSED and self._phase is not Phase.PAUSED:
                # Whoever pauses may leave the computer: nothing should be lost then.
                saving = self._runner.interject(
                    jobs.save_checkpoint(self._state.run), "Saving the training", essential=True
                )
                saving.succeeded.connect(self._on_saved)
                saving.failed.connect(self.failed)
            self._set_phase(phase)

    @Slot(object)
    def _on_saved(self, _result: object) -> None:
        self.saved.emit()

    @Slot(object)
    def _on_succeeded(self, _finished: object) -> None:
        self._instead = None
        self._let_go()
        self._keep(self._state.run)

    @Slot()
    def _on_cancelled(self) -> None:
        run, ending, instead = self._state.run, self._ending, self._instead
        self._instead = None
        self._let_go()
        if instead is not None and ending is _Ending.LEAVE and self._runner.accepting:
            self._set_phase(Phase.IDLE)
            instead()
        elif run is None or ending is _Ending.LEAVE:
            self._set_phase(Phase.IDLE)
            self.stopped.emit()
        elif ending is _Ending.KEEP:
            self._keep(run)
        else:
            self._state.set_run(None)
            if self._state.model_choice is not None and self._state.model_choice.source is ModelSource.LIVE:
                self._state.set_model(None, None)
            self._follow(training_jobs.drop(run), "Discarding the run", self._on_dropped)

    @Slot(object, str)
    def _on_failed(self, error: StudioError, trace: str) -> None:
        self._instead = None
        self._let_go()
        self._set_phase(Phase.IDLE)
        self.failed.emit(error, trace)

    def _keep(self, run: TrainingRun) -> None:
        name = self._image_set.name if self._image_set is not None else "Model"
        keeping = training_jobs.keep_model(run, new_model_path(name))
        if self._follow(keeping, "Keeping the model", self._on_kept):
            self._after.events.connect(self._on_last_row)

    def _follow(self, job: object, title: str, on_success: object) -> bool:
        if not self._runner.accepting:
            # The training ended while the program was closing: its last checkpoint is on disk.
            self._set_phase(Phase.IDLE)
            return False
        self._set_phase(Phase.KEEPING)
        # Closing the window must cost neither a model that was asked for nor half a removal.
        self._after = self._runner.interject(job, title, essential=True)
        self._after.succeeded.connect(on_success)
        self._after.failed.connect(self._on_after_failed)
        self._after.cancelled.connect(self._on_after_cancelled)
        return True

    @Slot(list)
    def _on_last_row(self, events: list[object]) -> None:
        for event in events:
            self.last_row.emit(event)

    @Slot(object)
    def _on_kept(self, result: KeptModel) -> None:
        self._after = None
        self._state.set_model(result.bundle, ModelChoice(ModelSource.FILE, result.path.stem, result.path))
        self._set_phase(Phase.IDLE)
        self.kept.emit(result)

    @Slot(object)
    def _on_dropped(self, _result: object) -> None:
        self._after = None
        self._set_phase(Phase.IDLE)
        self.dropped.emit()

    @Slot(object, str)
    def _on_after_failed(self, error: StudioError, trace: str) -> None:
        self._after = None
        self._set_phase(Phase.IDLE)
        self.failed.emit(error, trace)

    @Slot()
    def _on_after_cancelled(self) -> None:
        self._after = None
        self._set_phase(Phase.IDLE)

    def _let_go(self) -> None:
        self._handle = None
        self._state.set_training(None)

    def _set_phase(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._phase = phase
            self.phase_changed.emit(phase)


def new_model_path(name: str) -> Path:
    """A file in the user's library that does not exist yet, named after the data and the time."""
    words = re.sub(r"[^\w -]+", " ", name).strip()[:40] or "Model"
    stem = f"{words} {time.strftime('%Y-%m-%d %H.%M')}"
    path = user_folder("models") / f"{stem}.safetensors"
    number = 2
    while path.exists():
        path = path.with_name(f"{stem} {number}.safetensors")
        number += 1
    return path
