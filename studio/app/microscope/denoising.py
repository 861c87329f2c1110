"""The denoising that is under the microscope: its model, run, recorded frames, playhead and enlarged picture.

There is one for each StudioState. The sampler panel sets it up, starts and cancels it; the microscope, the batch and
the timeline show it. None of them knows of the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.microscope.film_export import FilmRequest, film_job
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.microscope.playback import Playback
from studio.app.microscope.run_cost import Pace
from studio.app.microscope.sampler_settings import SamplerSettings
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.theme import theme
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.diffusion.trace import Trace
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device
    from studio.training.run import TrainingRun


class Denoising(QObject):
    """One reverse process at a time, recorded into the state's trace."""

    settings_changed = Signal(object)
    """SamplerSettings"""
    frames_changed = Signal(object)
    """A new run began: Frames, or None."""
    frames_grew = Signal()
    """More steps were recorded."""
    picture_changed = Signal(object)
    """int: which picture of the batch is enlarged."""
    kind_changed = Signal(object)
    """FilmKind: what the film strip shows."""
    running_changed = Signal(bool)
    loading_changed = Signal(bool)
    progress_changed = Signal(int, int)
    """Steps taken, of how many."""
    models_changed = Signal()
    """A model was read from its file, or is known no more."""
    failed = Signal(object)
    """StudioError"""
    exported = Signal(object)
    """Path of a film that was written."""
    images_outdated = Signal()
    """The theme changed: what was drawn from frames has other colours now."""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._settings = SamplerSettings()
        self._frames: Frames | None = None
        self._picture = 0
        self._kind = FilmKind.Z
        self._run: _Run | None = None
        self._loading: JobHandle | None = None
        self._choice_loading: ModelChoice | None = None
        self._progress = (0, 0)
        self._models: dict[str, ModelBundle] = {}
        self._readings: dict[JobHandle, ModelChoice] = {}
        self._paces: dict[str, Pace] = {}
        self._last_seconds: float | None = None
        self.playback = Playback(self)
        state.trace_changed.connect(self._take_trace)
        theme().changed.connect(self._forget_images)
        self._take_trace(state.trace)

    @property
    def settings(self) -> SamplerSettings:
        """How the next run will be sampled."""
        return self._settings

    def set_settings(self, settings: SamplerSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            self.settings_changed.emit(settings)

    @property
    def frames(self) -> Frames | None:
        """What was recorded of the run that goes on or was the last."""
        return self._frames

    @property
    def picture(self) -> int:
        """The number in the batch of the enlarged picture."""
        return self._picture

    def set_picture(self, picture: int) -> None:
        if self._frames is not None and picture != self._picture and 0 <= picture < self._frames.picture_count:
            self._picture = picture
            self.picture_changed.emit(picture)

    @property
    def kind(self) -> FilmKind:
        return self._kind

    def set_kind(self, kind: FilmKind) -> None:
        if kind != self._kind:
            self._kind = FilmKind(kind)
            self.kind_changed.emit(self._kind)

    @property
    def running(self) -> bool:
        """A reverse process goes on, or waits for its turn."""
        return self._run is not None

    @property
    def loading(self) -> bool:
        """A model file is being read."""
        return self._loading is not None

    @property
    def progress(self) -> tuple[int, int]:
        """Steps taken, of how many, in the run that goes on or was the last; (0, 0) before its first step."""
        return self._progress

    @property
    def seconds_left(self) -> float | None:
        """How much longer the run that goes on will take; None while that is not known."""
        if self._run is None or self._run.pace is None:
            return None
        done, total = self._progress
        return self._run.pace * (total - done)

    @property
    def last_seconds(self) -> float | None:
        """How long the last complete run took, from the model being ready to the last step."""
        return self._last_seconds

    def pace(self, choice: ModelChoice | None) -> Pace | None:
        """The measured speed of a model; None before its first run."""
        return self._paces.get(choice.id) if choice is not None else None

    def choose(self, choice: ModelChoice, runner: Runner) -> None:
        """Make another model the one that denoises; a file is read in the background."""
        if self._loading is not None:
            self._loading.cancel()
        if choice.path is None:
            # What the live model is will be known when it is asked, between two steps of its training.
            self._state.set_model(None, choice)
            return
        known = self._models.get(choice.id)
        if known is not None:
            self._state.set_model(known, choice)
            return
        self._choice_loading = choice
        self._loading = handle = runner.interject(jobs.open_model(choice.path), f"Opening {choice.title}")
        handle.succeeded.connect(self._on_loaded)
        handle.failed.connect(self._on_load_failed)
        handle.finished.connect(self._on_load_finished)
        self.loading_changed.emit(True)

    def known_model(self, choice: ModelChoice) -> ModelBundle | None:
        """The model of a choice, if it was read before."""
        if choice == self._state.model_choice and self._state.model is not None:
            return self._state.model
        return self._models.get(choice.id)

    def read_models(self, choices: Iterable[ModelChoice], runner: Runner) -> None:
        """Read model files ahead, for their preview pictures; `models_changed` comes with each. A file that cannot be
        read is reported when it is chosen, not before."""
        under_way = set(self._readings.values())
        for choice in choices:
            if choice.path is None or choice in under_way or self.known_model(choice) is not None:
                continue
            handle = runner.interject(jobs.open_model(choice.path), f"Reading {choice.title}")
            self._readings[handle] = choice
            handle.succeeded.connect(self._on_read)
            handle.finished.connect(self._on_read_finished)

    def start(self, choice: ModelChoice, runner: Runner) -> JobHandle:
        """Denoise with the settings; whatever trains or is paused meanwhile stands still for that long."""
        if self._run is not None:
            raise RuntimeError("a reverse process is running already")
        state, settings = self._state, self._settings
        # The live model is another one after every step of training: only files are kept loaded.
        loaded = self.known_model(choice) if choice.source is not ModelSource.LIVE else None
        job = _denoise(loaded if loaded is not None else choice, settings, state.device, state.run)
        title = f"Denoising {settings.count} pictures" if settings.count > 1 else "Denoising a picture"
        handle = runner.interject(job, title)
        self._run = _Run(handle, choice)
        self._set_progress(0, 0)
        handle.events.connect(self._on_events)
        handle.succeeded.connect(self._on_succeeded)
        handle.cancelled.connect(self._on_cancelled)
        handle.failed.connect(self._on_failed)
        self.running_changed.emit(True)
        return handle

    @Slot()
    def cancel(self) -> None:
        """Stop before the next step; what was recorded so far stays."""
        if self._run is not None:
            self._run.handle.cancel()

    def export(self, request: FilmRequest, path: Path, runner: Runner) -> JobHandle | None:
        """Write a film of what is recorded, in the background; `exported` or `failed` tells how it ended."""
        if self._frames is None:
            return None
        handle = runner.interject(film_job(self._frames.trace, request, path), f"Writing {path.name}")
        handle.succeeded.connect(self.exported)
        handle.failed.connect(self._on_export_failed)
        return handle

    @Slot(list)
    def _on_events(self, events: list) -> None:
        steps_came = False
        for event in events:
            if isinstance(event, jobs.DenoisingStarted) and self._run is not None:
                self._run.begin()
                self._state.set_model(event.model, self._run.choice)
                self._state.set_trace(event.trace)
            elif isinstance(event, jobs.StepTaken):
                steps_came = True
                if self._run is not None:
                    self._run.measure(event.index + 1)
                self._set_progress(event.index + 1, event.total)
        if steps_came:
            self._grow()

    @Slot(object)
    def _on_succeeded(self, trace: Trace) -> None:
        if self._run is not None and self._run.pace is not None:
            self._last_seconds = self._run.seconds
            self._paces[self._run.choice.id] = Pace.measured(self._run.seconds, trace.run)
        self._end()

    @Slot()
    def _on_cancelled(self) -> None:
        self._end()

    @Slot(object, str)
    def _on_failed(self, error: StudioError, details: str) -> None:
        self._end()
        self.failed.emit(error)

    @Slot(object, str)
    def _on_export_failed(self, error: StudioError, details: str) -> None:
        self.failed.emit(error)

    @Slot(object)
    def _on_loaded(self, model: ModelBundle) -> None:
        if self.sender() is self._loading and self._choice_loading is not None:
            self._state.set_model(model, self._choice_loading)

    @Slot(object, str)
    def _on_load_failed(self, error: StudioError, details: str) -> None:
        if self.sender() is self._loading:
            self.failed.emit(error)

    @Slot()
    def _on_load_finished(self) -> None:
        if self.sender() is self._loading:
            self._loading = self._choice_loading = None
            self.loading_changed.emit(False)

    @Slot(object)
    def _on_read(self, model: ModelBundle) -> None:
        choice = self._readings.get(self.sender())
        if choice is not None:
            self._models[choice.id] = model
            self.models_changed.emit()

    @Slot()
    def _on_read_finished(self) -> None:
        self._readings.pop(self.sender(), None)

    def _end(self) -> None:
        self._grow()
        self._run = None
        if self._frames is not None:
            # A run that was cut short has only what it has: the timeline ends there.
            self.playback.extend(self._frames.count, self._frames.count)
        self.running_changed.emit(False)

    @Slot(object)
    def _take_trace(self, trace: Trace | None) -> None:
        self._frames = None if trace is None else Frames(trace)
        if self._frames is None or self._picture >= self._frames.picture_count:
            self._picture = 0
        # Every step of the run, and the finished picture.
        self.playback.begin(0 if trace is None else len(trace.pairs) + 1)
        self.frames_changed.emit(self._frames)
        if trace is not None and len(trace):
            self._grow()

    def _grow(self) -> None:
        if self._frames is None:
            return
        before = self._frames.count
        self._frames.refresh()
        if self._frames.count != before:
            self.frames_grew.emit()
            self.playback.extend(self._frames.count)

    def _set_progress(self, done: int, total: int) -> None:
        self._progress = (done, total)
        self.progress_changed.emit(done, total)

    @Slot()
    def _forget_images(self) -> None:
        if self._frames is not None:
            self._frames.forget_images()
            self.images_outdated.emit()


class _Run:
    """A reverse process that goes on, and its clock."""

    def __init__(self, handle: JobHandle, choice: ModelChoice) -> None:
        self.handle = handle
        self.choice = choice
        self.pace: float | None = None
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """Since the model was ready."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def begin(self) -> None:
        self._began = time.monotonic()

    def measure(self, steps_done: int) -> None:
        """Seconds a step, from the start: single steps come in bundles and tell nothing."""
        self.pace = self.seconds / steps_done


def _denoise(
    source: ModelChoice | ModelBundle, settings: SamplerSettings, device: Device | None, run: TrainingRun | None
) -> Iterator[object]:
    """The job; what brings torch is imported here, in the background thread, so that the window never waits for it."""
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import choose_device

    # Only now is it known for certain which classes the model knows.
    model = source if isinstance(source, ModelBundle) else jobs.current_model(source, run)
    request = settings.fitting(model.class_names, model.has_no_class_label).request()
    return (yield from jobs.denoise(model, request, device if device is not None else choose_device("auto")))


def denoising_of(state: StudioState) -> Denoising:
    """The one Denoising of a state, made at the first call."""
    found = state.findChild(Denoising)
    return found if found is not None else Denoising(state)
