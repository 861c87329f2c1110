"""A slice through the image space of real pictures: its plane, what was last answered on it, and the trace's path.

Answers come from the background and are moments old: the newest question waits until the one before is answered, all
between them are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from studio.app.microscope.denoising import denoising_of
from studio.app.plane.slice_jobs import (
    FieldAnswer,
    LearnedModel,
    ProbeAnswer,
    SliceQuestion,
    SliceReady,
    answer,
    find_slice,
)
from studio.diffusion import cosine
from studio.diffusion.plane import PlaneSlice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.app.microscope.frames import Frames
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.diffusion import NoiseSchedule
    from studio.errors import StudioError
    from studio.library.bundle import ModelBundle

Path = tuple["NDArray[np.float64]", "NDArray[np.float64]", tuple[int, ...]]

LONGEST_PATH = 100
"""A trace's path is drawn by no more moments than this."""


class ImageSpace(QObject):
    """Closed until `open`; closed again when the pictures or the model become others."""

    opened = Signal()
    closed = Signal()
    probe_answered = Signal()
    field_answered = Signal()
    trace_moved = Signal()
    """The trace grew, or its playhead moved: `t_of_trace` and `trace_path` are others."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, parent: QObject, state: StudioState) -> None:
        super().__init__(parent)
        self._state = state
        self._denoising = denoising_of(state)
        self._runner: Runner | None = None
        self._handle: JobHandle | None = None
        self._ready: SliceReady | None = None
        self._learned: LearnedModel | None = None
        self._plane: PlaneSlice | None = None
        self._through_trace = False
        self._next: SliceQuestion | None = None
        self._path_of: tuple[object, ...] | None = None
        self._path: Path | None = None
        self.field: FieldAnswer | None = None
        self.probe: ProbeAnswer | None = None
        state.image_set_changed.connect(self._on_others)
        state.model_changed.connect(self._on_others)
        self._denoising.frames_grew.connect(self._on_trace)
        self._denoising.frames_changed.connect(self._on_trace)
        self._denoising.picture_changed.connect(self._on_trace)
        self._denoising.playback.position_changed.connect(self._on_trace)

    def obstacle(self, *, three: bool = False) -> str:
        """What is missing for a slice, in words for a person; '' when nothing is. three: through chosen pictures."""
        images = self._state.image_set
        if images is None:
            return "Open pictures in Train first: the plane is laid through them."
        if images.count < 3:
            return "A plane needs at least three pictures."
        if three and images.height * images.width * images.channels <= 2:
            return "Two-pixel pictures fill one plane only."
        return ""

    @property
    def ready(self) -> SliceReady | None:
        """The plane and its pictures; None while closed or being found."""
        return self._ready

    @property
    def opening(self) -> bool:
        """The plane is being found."""
        return self._ready is None and self._handle is not None

    @property
    def asking(self) -> bool:
        """An answer is on its way."""
        return self._ready is not None and self._handle is not None

    @property
    def has_model(self) -> bool:
        """There is a model for pictures of this shape."""
        return self._learned is not None

    @property
    def schedule(self) -> NoiseSchedule:
        """The model's; else the one of the next training."""
        model = self._fitting_model()
        if model is not None:
            return model.schedule
        return self._state.schedule if self._state.schedule is not None else cosine(1000)

    @property
    def plane(self) -> PlaneSlice | None:
        """The plane that is asked on: through the trace's picture where that is wished and possible."""
        return self._plane

    @property
    def through_trace(self) -> bool:
        return self._through_trace

    def set_through_trace(self, through: bool) -> None:
        """Move the plane, without turning it, so that it goes through z_t of the trace's present moment."""
        if through != self._through_trace:
            self._through_trace = through
            self._lay()
            self.trace_moved.emit()

    def open(self, runner: Runner, chosen: Sequence[int] | None = None) -> None:
        """Lay a plane along the two directions in which the pictures vary most, or through three `chosen` of them."""
        images = self._state.image_set
        assert images is not None
        self.close()
        self._runner = runner
        model = self._fitting_model()
        self._learned = None if model is None else LearnedModel(model)
        handle = self._take(find_slice(images, self.schedule, chosen), "Laying a plane through the pictures")
        handle.succeeded.connect(self._on_found)

    def close(self) -> None:
        """Forget the plane."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()
        self._ready = self._learned = self._plane = self._next = self.field = self.probe = self._path_of = None

    def ask(self, question: SliceQuestion) -> None:
        """Have it answered, after the one that is being answered now."""
        if self._ready is None:
            return
        self._next = question
        if self._handle is None:
            self._go_on()

    @property
    def t_of_trace(self) -> int | None:
        """The t of the trace's present moment, 0-based; None without a trace of such pictures."""
        frames = self._frames()
        if frames is None:
            return None
        return max(frames.time(self._denoising.playback.position) - 1, 0)

    def trace_path(self) -> Path:
        """Where the enlarged picture of the trace went in the plane: z_t, (K, 2), its x̂0, (K, 2), and the t of each,
        falling. Empty without a trace of such pictures."""
        frames, plane = self._frames(), self._plane
        nothing = np.zeros((0, 2))
        if frames is None or plane is None or self._ready is None:
            return nothing, nothing, ()
        # A parallel plane has the same coordinates: only another trace, or more of it, makes another path.
        key = (frames, frames.step_count, self._denoising.picture, self._ready)
        if self._path_of != key:
            self._path_of, self._path = key, _path(frames, self._denoising.picture, plane)
        return self._path

    def _frames(self) -> Frames | None:
        frames, ready = self._denoising.frames, self._ready
        if frames is None or ready is None or not frames.step_count or frames.picture_shape != ready.plane.shape:
            return None
        return frames

    def _fitting_model(self) -> ModelBundle | None:
        images, model = self._state.image_set, self._state.model
        if images is None or model is None or model.shape != (images.channels, images.height, images.width):
            return None
        return model

    def _lay(self) -> None:
        ready, frames = self._ready, self._frames()
        if ready is None:
            return
        self._plane = ready.plane
        if self._through_trace and frames is not None and not ready.plane.is_everything:
            z = frames.state(self._denoising.playback.position)[self._denoising.picture]
            self._plane = ready.plane.through(z)

    def _take(self, job: object, title: str) -> JobHandle:
        assert self._runner is not None
        self._handle = handle = self._runner.interject(job, title)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_finished)
        return handle

    def _go_on(self) -> None:
        question, self._next = self._next, None
        ready, runner = self._ready, self._runner
        if question is None or ready is None or runner is None or not runner.accepting:
            return
        has_field = self.field is not None and self.field.question.has_field_of(question)
        if has_field and self.probe is not None and self.probe.question.has_probe_of(question):
            return
        handle = self._take(answer(question, ready, self._learned, has_field), "Asking the slice")
        handle.events.connect(self._on_answers)

    @Slot(object)
    def _on_found(self, ready: SliceReady) -> None:
        if self.sender() is not self._handle:
            return
        self._ready = ready
        self._lay()
        self.opened.emit()

    @Slot(list)
    def _on_answers(self, answers: list[object]) -> None:
        if self.sender() is not self._handle:
            return
        for found in answers:
            if isinstance(found, ProbeAnswer):
                self.probe = found
                self.probe_answered.emit()
            elif isinstance(found, FieldAnswer):
                self.field = found
                self.field_answered.emit()

    @Slot(object, str)
    def _on_failed(self, error: StudioError, _trace: str) -> None:
        if self.sender() is self._handle:
            # Asked again, it would fail again.
            self._next = None
            self.failed.emit(error)

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._handle:
            self._handle = None
            self._go_on()

    @Slot(object)
    def _on_others(self, _new: object) -> None:
        if self._ready is not None or self._handle is not None:
            self.close()
            self.closed.emit()

    @Slot()
    @Slot(object)
    def _on_trace(self, _new: object = None) -> None:
        if self._ready is not None:
            self._lay()
            self.trace_moved.emit()


def _path(frames: Frames, picture: int, plane: PlaneSlice) -> Path:
    last, trace = frames.step_count - 1, frames.trace
    moments = np.unique(np.linspace(0, last, min(last + 1, LONGEST_PATH)).astype(int))
    steps = [trace.frame(int(moment), picture) for moment in moments]
    z = [plane.coordinates(step.z_t)[0] for step in steps] + [plane.coordinates(steps[-1].z_s)[0]]
    x0 = [plane.coordinates(step.x0)[0] for step in steps]
    return np.array(z), np.array([*x0, x0[-1]]), (*(step.t for step in steps), steps[-1].s)
