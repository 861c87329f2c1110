"""What is open right now. Panels read it, set it and listen to it; they never talk to each other.

GUI thread only. Each part has one signal, emitted after the part was set to something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from studio.app.runner import JobHandle
    from studio.app.runs.followed import FollowedRun
    from studio.data.image_set import ImageSet
    from studio.data.report import ImportReport
    from studio.diffusion.schedule import NoiseSchedule
    from studio.diffusion.trace import Trace
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device
    from studio.training.run import TrainingRun


class ModelSource(StrEnum):
    """Where a model comes from."""

    LIVE = "live"
    STARTER = "starter"
    FILE = "file"


@dataclass(frozen=True)
class ModelChoice:
    """A model a person may pick, loaded or not.

    LIVE is the run in training: its weights are what they are at the moment of asking, and `path` is None. Any other
    choice is the file at `path`. The job generators in `studio.app.jobs` turn a choice into a ModelBundle.
    """

    source: ModelSource
    title: str
    path: Path | None = None

    @property
    def id(self) -> str:
        """Tells choices apart, and outlives a restart of the program for all but the live one."""
        return self.source.value if self.path is None else f"{self.source.value}:{self.path}"


class StudioState(QObject):
    """The open data set, schedule, run, model and trace, with a changed-signal each (carrying the new value)."""

    image_set_changed = Signal(object)
    schedule_changed = Signal(object)
    run_changed = Signal(object)
    training_changed = Signal(object)
    followed_changed = Signal(object)
    model_changed = Signal(object)
    model_choices_changed = Signal()
    trace_changed = Signal(object)
    device_changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._image_set: ImageSet | None = None
        self._report: ImportReport | None = None
        self._schedule: NoiseSchedule | None = None
        self._run: TrainingRun | None = None
        self._training: JobHandle | None = None
        self._followed: FollowedRun | None = None
        self._model: ModelBundle | None = None
        self._model_choice: ModelChoice | None = None
        self._trace: Trace | None = None
        self._device: Device | None = None
        self._starters: tuple[ModelChoice, ...] = ()
        self._opened: tuple[ModelChoice, ...] = ()

    @property
    def image_set(self) -> ImageSet | None:
        """The pictures to train on."""
        return self._image_set

    @property
    def report(self) -> ImportReport | None:
        """How the pictures were taken in; None for a starter set."""
        return self._report

    def set_image_set(self, image_set: ImageSet | None, report: ImportReport | None = None) -> None:
        self._image_set, self._report = image_set, report
        self.image_set_changed.emit(image_set)

    @property
    def schedule(self) -> NoiseSchedule | None:
        """The noise schedule for the next training."""
        return self._schedule

    def set_schedule(self, schedule: NoiseSchedule | None) -> None:
        if schedule is not self._schedule and schedule != self._schedule:
            self._schedule = schedule
            self.schedule_changed.emit(schedule)

    @property
    def run(self) -> TrainingRun | None:
        """The training run that is going on, paused, or was the last to end: the source of the live model."""
        return self._run

    def set_run(self, run: TrainingRun | None) -> None:
        if run is not self._run:
            self._run = run
            self.run_changed.emit(run)
            self.model_choices_changed.emit()

    @property
    def training(self) -> JobHandle | None:
        """The job that trains `run`; None when no training is alive."""
        return self._training

    def set_training(self, handle: JobHandle | None) -> None:
        if handle is not self._training:
            self._training = handle
            self.training_changed.emit(handle)

    @property
    def followed(self) -> FollowedRun | None:
        """A run that another process trains and this window shows; never while one trains here."""
        return self._followed

    def set_followed(self, followed: FollowedRun | None) -> None:
        if followed is not self._followed:
            self._followed = followed
            self.followed_changed.emit(followed)

    @property
    def model(self) -> ModelBundle | None:
        """The model that denoises. For the live choice: its weights as they were last asked for, None before that."""
        return self._model

    @property
    def model_choice(self) -> ModelChoice | None:
        """Which model was picked; goes together with `model`."""
        return self._model_choice

    def set_model(self, model: ModelBundle | None, choice: ModelChoice | None) -> None:
        """Pick a model. `model` may be None where it is loaded later (live, or a file not read yet)."""
        self._model, self._model_choice = model, choice
        self.model_changed.emit(model)
        if choice is not None and choice.source is ModelSource.FILE and choice not in self._opened:
            self._opened = (choice, *self._opened)
            self.model_choices_changed.emit()

    def model_choices(self) -> tuple[ModelChoice, ...]:
        """All models at hand: the one in training first, then files that were opened, then starter models."""
        live = (ModelChoice(ModelSource.LIVE, "The model in training"),) if self._run is not None else ()
        return (*live, *self._opened, *self._starters)

    def set_starter_models(self, choices: tuple[ModelChoice, ...]) -> None:
        if choices != self._starters:
            self._starters = choices
            self.model_choices_changed.emit()

    @property
    def trace(self) -> Trace | None:
        """The reverse run under the microscope."""
        return self._trace

    def set_trace(self, trace: Trace | None) -> None:
        if trace is not self._trace:
            self._trace = trace
            self.trace_changed.emit(trace)

    @property
    def device(self) -> Device | None:
        """Where models are computed; None until it was chosen shortly after the start."""
        return self._device

    def set_device(self, device: Device | None) -> None:
        if device != self._device:
            self._device = device
            self.device_changed.emit(device)
