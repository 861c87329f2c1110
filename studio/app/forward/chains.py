"""The Markov chain that is shown and the chains that are measured, kept up with what the person sets.

Walking takes some hundredths of a second and follows a dragged schedule a moment later; once the schedule rests, many
chains are run and measured. A training that goes on waits for a few of them only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.forward.chain import CHAINS_IN_PASSING, ChainWalk, MeasuredChains, chain_count, measure_job, walk_job
from studio.app.runner import JobState

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.diffusion import NoiseSchedule, PictureNoise
    from studio.diffusion.forward_moments import ForwardMoments

SETTLED_MS = 250
"""How long a schedule must rest before chains are measured on it."""

BREATH_MS = 60
"""Between two walks while a schedule is dragged, so that the closed form, which follows at once, has the machine."""


class Chains(QObject):
    """Runs the jobs behind one forward process. Jobs are unseen while nothing else runs."""

    chain_changed = Signal()
    """Another chain was walked."""
    moments_changed = Signal()
    """More chains were measured, or the measurement began anew."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, runner: Runner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._active = False
        self._task: tuple[NoiseSchedule, torch.Tensor, PictureNoise] | None = None
        self._chain: ChainWalk | None = None
        self._moments: ForwardMoments | None = None
        self._walking: JobHandle | None = None
        self._walk_again = False
        self._measuring: JobHandle | None = None
        self._settled, self._breath = QTimer(self), QTimer(self)
        for timer, pause, then in ((self._settled, SETTLED_MS, self._measure), (self._breath, BREATH_MS, self._walk)):
            timer.setSingleShot(True)
            timer.setInterval(pause)
            timer.timeout.connect(then)

    @property
    def chain(self) -> ChainWalk | None:
        """The chain walked last; while the schedule is dragged it is one or two schedules behind."""
        return self._chain

    @property
    def current(self) -> bool:
        """The chain belongs to what was set last."""
        chain, task = self._chain, self._task
        return chain is not None and task is not None and chain.schedule is task[0] and chain.source is task[2]

    @property
    def moments(self) -> ForwardMoments | None:
        """What was measured so far on what was set last."""
        return self._moments

    @property
    def wanted(self) -> int:
        """How many chains will have been measured in the end."""
        return 0 if self._task is None else chain_count(self._task[0], self._task[1].numel())

    def begin(self, schedule: NoiseSchedule, x: torch.Tensor, source: PictureNoise) -> None:
        """From now on walk and measure these: x (1, C, H, W), `source` with the noise of one picture."""
        if self._chain is not None and self._chain.source.shape != source.shape:
            self._chain = None
        self._task = (schedule, x, source)
        self._stop_measuring()
        if self._moments is not None:
            self._moments = None
            self.moments_changed.emit()
        if self._active:
            self._walk()

    def set_active(self, active: bool) -> None:
        """Whether anybody looks."""
        self._active = active
        if not active:
            self._breath.stop()
            self._stop_measuring()
        elif self._walking is None and not self.current:
            self._walk()
        elif self._moments is None or self._moments.chains < self.wanted:
            self._settled.start()

    @Slot()
    def _walk(self) -> None:
        if self._breath.isActive():
            return
        if self._walking is not None:
            self._walk_again = True
            return
        if self._task is None or not self._runner.accepting:
            return
        schedule, x, source = self._task
        chain = self._chain
        known = chain.noise if chain is not None and _same_noise(chain.source, source) else None
        handle = self._hand_in(walk_job(schedule, x, source, known), "Walking to noise")
        self._walking, self._walk_again = handle, False
        handle.succeeded.connect(self._on_walked)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_walk_finished)

    def _hand_in(self, job: Iterator[object], title: str) -> JobHandle:
        """Unseen while nothing else runs; otherwise between two steps of what does."""
        if self._others_run():
            return self._runner.interject(job, title)
        return self._runner.start(job, title, background=True)

    def _others_run(self) -> bool:
        return any(not handle.background for handle in self._runner.jobs)

    @Slot(object)
    def _on_walked(self, chain: ChainWalk) -> None:
        if self._task is not None and chain.source.shape == self._task[2].shape:
            self._chain = chain
            self.chain_changed.emit()

    @Slot()
    def _on_walk_finished(self) -> None:
        handle, self._walking = self._walking, None
        if not self._active or handle is None:
            return
        if self._walk_again or _gave_way(handle):
            self._breath.start()
        elif handle.state is JobState.SUCCEEDED:
            self._settled.start()

    @Slot()
    def _measure(self) -> None:
        """Run chains until there are enough."""
        if self._measuring is not None or not self._active or self._task is None or not self._runner.accepting:
            return
        count = min(self.wanted, CHAINS_IN_PASSING) if self._others_run() else self.wanted
        if self._moments is not None and self._moments.chains >= count:
            return
        schedule, x, source = self._task
        job = measure_job(self._task, schedule, x, source.seed, self._moments, count)
        self._measuring = handle = self._hand_in(job, "Measuring chains")
        handle.frame.connect(self._on_measured)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_measure_finished)

    @Slot(object)
    def _on_measured(self, measured: MeasuredChains) -> None:
        if measured.key is self._task:
            self._moments = measured.moments
            self.moments_changed.emit()

    @Slot()
    def _on_measure_finished(self) -> None:
        handle = self.sender()
        if self._measuring is handle:
            self._measuring = None
            if self._active and _gave_way(handle):
                self._settled.start()

    @Slot(object, str)
    def _on_failed(self, error: object, details: str) -> None:
        self.failed.emit(error)

    def _stop_measuring(self) -> None:
        self._settled.stop()
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None


def _gave_way(handle: JobHandle) -> bool:
    """A job that nobody saw was cancelled for one that somebody waits for; what a person cancels stays cancelled."""
    return handle.background and handle.state is JobState.CANCELLED


def _same_noise(one: PictureNoise, other: PictureNoise) -> bool:
    return (one.seed, one.pictures, one.shape) == (other.seed, other.pictures, other.shape)
