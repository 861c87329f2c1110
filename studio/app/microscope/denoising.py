"""The denoising that is under the microscope: its model, run, recorded frames, playhead and enlarged picture.

There is one for each StudioState. The sampler panel sets it up, starts and cancels it; the microscope, the batch and
the timeline show it. None of them knows of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.microscope.film_export import FilmRequest, film_job
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.microscope.known_models import KnownModels
from studio.app.microscope.playback import Playback
from studio.app.microscope.recorded import RecordedRuns
from studio.app.microscope.reverse_process import ReverseProcess, branch_job, denoise_job, record_job
from studio.app.microscope.run_cost import Pace
from studio.app.microscope.run_numbers import save_arrays
from studio.app.microscope.sampler_settings import SamplerSettings
from studio.app.microscope.trace_opening import Candidates, OpenedRuns
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.theme import theme
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.diffusion.trace import Trace
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device


class Denoising(QObject):
    """One reverse process at a time, recorded into the state's trace."""

    settings_changed = Signal(object)
    """SamplerSettings"""
    frames_changed = Signal(object)
    """Another run is shown, a new one or one of those recorded: Frames, or None."""
    frames_grew = Signal()
    """More steps of the run that is shown were recorded."""
    trace_grew = Signal(object)
    """Trace: more steps of it were recorded, be it the one that is shown or not."""
    picture_changed = Signal(object)
    """int: which picture of the batch is enlarged."""
    kind_changed = Signal(object)
    """FilmKind: what the film strip shows."""
    running_changed = Signal(bool)
    control_changed = Signal()
    """Whether a run can be paused, stepped or gone on with may have changed."""
    progress_changed = Signal(int, int)
    """Steps taken, of how many."""
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
        self._recorded = RecordedRuns()
        self._frames: Frames | None = None
        self._picture = 0
        self._kind = FilmKind.Z
        self._run: ReverseProcess | None = None
        self._progress = (0, 0)
        self._paces: dict[str, Pace] = {}
        self._last_seconds: float | None = None
        self.models = KnownModels(state, self)
        self.models.failed.connect(self.failed)
        self.playback = Playback(self)
        state.trace_changed.connect(self._take_trace)
        state.model_changed.connect(self._offer_model)
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
    def running_trace(self) -> Trace | None:
        """What the process that goes on records into; None while there is none, or it is not ready yet."""
        return None if self._run is None else self._run.trace

    @property
    def can_pause(self) -> bool:
        """A reverse process goes on, which can be gone on with after a pause."""
        return self._run is not None and self._run.trace is not None and not self._run.stopping

    @property
    def can_go_on(self) -> bool:
        """The run that is shown was stopped before its end, and its model is at hand."""
        trace = self._state.trace
        if self._run is not None or trace is None or trace.complete or not len(trace):
            return False
        return self.model_of(trace) is not None

    def model_of(self, trace: Trace) -> tuple[ModelBundle, ModelChoice] | None:
        """The model that a trace, or any of its family, was made with; None when that is not known."""
        return self._recorded.model_of(trace)

    def missing_model_of(self, trace: Trace) -> tuple[str, str]:
        """Hash and name of the model of an opened run while it is not at hand, so that saving keeps them."""
        return self._recorded.missing_model_of(trace)

    def frames_of(self, trace: Trace) -> Frames:
        """The frames of a trace: of the family that is shown the same ones each time, with what they have measured."""
        return self._recorded.frames_of(trace)

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

    def start(self, choice: ModelChoice, runner: Runner) -> JobHandle:
        """Denoise with the settings; whatever trains or is paused meanwhile stands still for that long."""
        if self._run is not None:
            raise RuntimeError("a reverse process is running already")
        state, settings = self._state, self._settings
        # The live model is another one after every step of training: only files are kept loaded.
        loaded = self.models.known(choice) if choice.source is not ModelSource.LIVE else None
        job = denoise_job(loaded if loaded is not None else choice, settings, state.device, state.run)
        title = f"Denoising {settings.count} pictures" if settings.count > 1 else "Denoising a picture"
        return self._begin(job, title, choice, runner)

    def start_branch(self, make: Callable[[], Trace], runner: Runner) -> JobHandle | None:
        """Make a branch of the run that is shown (`make` calls `studio.diffusion.branching.branch`, in the background),
        show it, and take its steps with the model of its family. `failed` tells when it cannot be made.

        None, after `failed`, when that model is not at hand.
        """
        return self._continue("Branching", lambda model, device: branch_job(make, model, device), runner)

    def candidates(self) -> Candidates:
        """The models at hand, for `open_runs`."""
        choices = [choice for choice in self._state.model_choices() if choice.path is not None]
        return [(choice, self.models.known(choice)) for choice in choices]

    def take_opened(self, opened: OpenedRuns) -> None:
        """Show a recorded run that was opened from a file."""
        root = opened.file.root
        if opened.model is not None and opened.choice is not None:
            self._recorded.set_model(root, opened.model, opened.choice)
        else:
            self._recorded.expect_model(root, opened.file.model_hash, opened.file.model_name)
        self._state.set_trace(root)

    def show_trace(self, trace: Trace, made_with: tuple[ModelBundle, ModelChoice] | None = None) -> None:
        """Look at another recorded run, or at the one that goes on; within a family the moment stays.

        made_with: the model of a run that was recorded elsewhere, so that it can be branched and gone on with.
        """
        if made_with is not None:
            self._recorded.set_model(trace, *made_with)
        self._state.set_trace(trace)

    @Slot()
    def pause_run(self) -> None:
        """Stop the process before its next step; `take_step` and `resume_run` go on with it."""
        # A job that is paused would hold up the training below it: this one ends, and another one will go on.
        if self.can_pause:
            self.cancel()

    def take_step(self, runner: Runner) -> JobHandle | None:
        """Take one more step of the run that is shown, which was stopped before its end."""
        return self._go_on(runner, steps=1)

    def resume_run(self, runner: Runner) -> JobHandle | None:
        """Go on with the run that is shown to its end, bit for bit as if it had never stopped."""
        return self._go_on(runner)

    @Slot()
    def cancel(self) -> None:
        """Stop before the next step; what was recorded so far stays."""
        if self._run is not None:
            self._run.stopping = True
            self._run.handle.cancel()
            self.control_changed.emit()

    def export(self, request: FilmRequest, path: Path, runner: Runner) -> JobHandle | None:
        """Write a film of what is recorded, in the background; `exported` or `failed` tells how it ended."""
        if self._frames is None:
            return None
        return self._write(film_job(self._frames.trace, request, path), path, runner)

    def export_arrays(self, picture: int | None, path: Path, runner: Runner) -> JobHandle | None:
        """Write the tensors of one picture, or of all, in the background; `exported` or `failed` tells the end."""
        if self._frames is None:
            return None
        return self._write(save_arrays(self._frames.trace, picture, path), path, runner)

    def _write(self, job: Iterator[object], path: Path, runner: Runner) -> JobHandle:
        handle = runner.interject(job, f"Writing {path.name}")
        handle.succeeded.connect(self.exported)
        handle.failed.connect(self._on_export_failed)
        return handle

    def _continue(
        self,
        title: str,
        job: Callable[[ModelBundle, Device | None], Iterator[object]],
        runner: Runner,
        trace_to_grow: Trace | None = None,
    ) -> JobHandle | None:
        """Hand in a job that needs the model of the run that is shown."""
        if self._run is not None:
            raise RuntimeError("a reverse process is running already")
        trace = self._state.trace
        known = None if trace is None else self.model_of(trace)
        if known is None:
            self.failed.emit(
                StudioError(
                    "The model that this run was made with is not at hand.",
                    "Open its file with the model card at the left, then try again.",
                )
            )
            return None
        model, choice = known
        return self._begin(job(model, self._state.device), title, choice, runner, trace_to_grow)

    def _go_on(self, runner: Runner, *, steps: int | None = None) -> JobHandle | None:
        trace = self._state.trace
        if trace is None or trace.complete:
            return None
        title = "Going on with the denoising" if steps is None else "One more step"
        handle = self._continue(title, lambda model, device: record_job(trace, model, device, steps), runner, trace)
        if handle is not None:
            self.playback.go_on()
        return handle

    def _begin(
        self, job: Iterator[object], title: str, choice: ModelChoice, runner: Runner, trace: Trace | None = None
    ) -> JobHandle:
        """Hand in a reverse process; `trace` is what it goes on with, None for a new one."""
        handle = runner.interject(job, title)
        self._run = ReverseProcess(handle, choice, trace)
        self._set_progress(self._run.first, 0 if trace is None else len(trace.pairs))
        handle.events.connect(self._on_events)
        handle.succeeded.connect(self._on_succeeded)
        handle.cancelled.connect(self._on_cancelled)
        handle.failed.connect(self._on_failed)
        self.running_changed.emit(True)
        self.control_changed.emit()
        return handle

    @Slot(list)
    def _on_events(self, events: list) -> None:
        steps_came = False
        for event in events:
            if isinstance(event, jobs.DenoisingStarted) and self._run is not None:
                self._run.begin(event.trace, event.first)
                self._recorded.set_model(event.trace, event.model, self._run.choice)
                if self._state.model is not event.model:
                    self._state.set_model(event.model, self._run.choice)
                self._state.set_trace(event.trace)
                self._set_progress(event.first, len(event.trace.pairs) if event.first else 0)
                self.control_changed.emit()
            elif isinstance(event, jobs.StepTaken):
                steps_came = True
                if self._run is not None:
                    self._run.measure(event.index + 1)
                self._set_progress(event.index + 1, event.total)
        if steps_came:
            self._grow()

    @Slot(object)
    def _on_succeeded(self, trace: Trace) -> None:
        # Of a part of a run the model's pace is not known well enough.
        if self._run is not None and self._run.pace is not None and not self._run.first:
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

    def _end(self) -> None:
        self._grow()
        self._run = None
        self._recorded.keep_only(self._state.trace)
        self._show_extent()
        self.running_changed.emit(False)
        self.control_changed.emit()

    @Slot(object)
    def _take_trace(self, trace: Trace | None) -> None:
        before, self._frames = self._frames, None if trace is None else self.frames_of(trace)
        self._recorded.keep_only(trace, self.running_trace)
        frames = self._frames
        if frames is None or self._picture >= frames.picture_count:
            self._picture = 0
        if frames is not None:
            frames.refresh()
        if frames is None or before is None or before.trace.root is not frames.trace.root:
            # Every step of the run, and the finished picture.
            self.playback.begin(0 if frames is None else frames.planned_count)
        else:
            position = frames.nearest(before.time(self.playback.position), self.playback.position)
            if frames.trace is self.running_trace and self.playback.follow:
                position = frames.count - 1
            self.playback.show_other(frames.count, frames.planned_count, position)
        self.frames_changed.emit(frames)
        if frames is not None and frames.count:
            self.playback.extend(frames.count)
            self.frames_grew.emit()
        self._show_extent()
        self.control_changed.emit()

    def _show_extent(self) -> None:
        """A run that was cut short, and cannot be gone on with, has only what it has: the timeline ends there."""
        frames = self._frames
        if frames is not None and frames.trace is not self.running_trace:
            self.playback.extend(frames.count, frames.planned_count if self.can_go_on else frames.count)

    def _grow(self) -> None:
        trace = self.running_trace if self._run is not None else self._state.trace
        if trace is None:
            return
        frames = self.frames_of(trace)
        before = frames.count
        frames.refresh()
        if frames.count == before:
            return
        if frames is self._frames:
            self.frames_grew.emit()
            self.playback.extend(frames.count)
        self.trace_grew.emit(trace)

    def _set_progress(self, done: int, total: int) -> None:
        self._progress = (done, total)
        self.progress_changed.emit(done, total)

    @Slot(object)
    def _offer_model(self, model: ModelBundle | None) -> None:
        choice = self._state.model_choice
        if model is not None and choice is not None and self._recorded.offer_model(model, choice):
            self._show_extent()
            self.control_changed.emit()
            self.running_changed.emit(self.running)

    @Slot()
    def _forget_images(self) -> None:
        self._recorded.forget_images()
        if self._frames is not None:
            self.images_outdated.emit()


def denoising_of(state: StudioState) -> Denoising:
    """The one Denoising of a state, made at the first call."""
    found = state.findChild(Denoising)
    return found if found is not None else Denoising(state)
