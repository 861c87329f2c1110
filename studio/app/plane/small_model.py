"""The small model of the plane: trained in view, paused, gone on with, begun again when the pictures change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.plane.small_training import Floor, PlaneTask, SmallTraining, Snapshot
from studio.app.training.loss_history import LossHistory
from studio.diffusion import NetworkDenoiser
from studio.errors import StudioError
from studio.networks.build import build_network
from studio.training.events import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from studio.app.runner import JobHandle, Runner

RESTART_MS = 600
"""So long after the last change of the pictures a training that goes on begins again with the new ones."""


@dataclass(frozen=True)
class TrainingState:
    """How far the small model is; what is not known yet is None.

    running: it trains now. begun: there is something learned or being learned. finished: its budget is spent.
    seconds: of training so far. planned_seconds: about how many it will be in all. step, fraction: how far, 0..1.
    loss: smoothed, mean squared error of ε̂ per value. best_loss: the least possible.
    angle: of the learned to the exact movement, degrees, mean over t weighted with the density of q(z_t); plain_angle:
    over the whole plane alike.
    """

    running: bool = False
    begun: bool = False
    finished: bool = False
    seconds: float = 0.0
    planned_seconds: float | None = None
    step: int = 0
    fraction: float = 0.0
    loss: float | None = None
    best_loss: float | None = None
    angle: float | None = None
    plain_angle: float | None = None


class SmallModel(QObject):
    """Trains in the background, between the steps of whatever else goes on there."""

    changed = Signal()
    """How far it is; a few times a second while it trains."""
    learned = Signal()
    """`denoiser` and `snapshot` are others now."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, parent: QObject, make_task: Callable[[], PlaneTask]) -> None:
        super().__init__(parent)
        self._make_task = make_task
        self._training: SmallTraining | None = None
        self._handle: JobHandle | None = None
        self._runner: Runner | None = None
        self._network: nn.Module | None = None
        self._denoiser: NetworkDenoiser | None = None
        self._snapshot: Snapshot | None = None
        self._planned: float | None = None
        self._floor: float | None = None
        self._finished = False
        self._progress: Progress | None = None
        self.losses = LossHistory(1 << 16)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(RESTART_MS)
        self._again.timeout.connect(self._begin_again)

    @property
    def running(self) -> bool:
        """It trains, or will at once begin again with other pictures."""
        return self._handle is not None or self._again.isActive()

    @property
    def denoiser(self) -> NetworkDenoiser | None:
        """The model as it was a moment ago, for the GUI thread alone; None before anything was learned."""
        return self._denoiser

    @property
    def snapshot(self) -> Snapshot | None:
        """What came with `denoiser`."""
        return self._snapshot

    @property
    def state(self) -> TrainingState:
        progress, snapshot = self._progress, self._snapshot
        return TrainingState(
            running=self.running,
            begun=self._training is not None,
            finished=self._finished,
            seconds=0.0 if progress is None else progress.seconds,
            planned_seconds=self._planned,
            step=0 if progress is None else progress.step,
            fraction=0.0 if progress is None else progress.fraction,
            loss=self.losses.latest_smoothed if len(self.losses) else None,
            best_loss=self._floor,
            angle=None if snapshot is None else snapshot.angle,
            plain_angle=None if snapshot is None else snapshot.plain_angle,
        )

    def train(self, runner: Runner) -> None:
        """Begin, or go on where it was paused; nothing while it trains or when it is finished.

        Raises DataError when there are no pictures.
        """
        self._runner = runner
        if self._handle is not None or self._finished:
            return
        self._again.stop()
        if self._training is None:
            self._training = SmallTraining(self._make_task())
        self._handle = handle = runner.interject(self._training.steps(), "Training the small model")
        handle.events.connect(self._on_events)
        handle.frame.connect(self._on_frame)
        handle.succeeded.connect(self._on_succeeded)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_finished)
        self.changed.emit()

    @Slot()
    def pause(self) -> None:
        """Stand still after this step; `train` goes on from there."""
        # Not by the runner's own pause: what this was put between would then stand still too.
        self._again.stop()
        if self._handle is not None:
            self._handle.cancel()
            self._leave()
        self.changed.emit()

    def restart(self, runner: Runner) -> None:
        """Begin anew, whatever was learned."""
        self.forget()
        self.train(runner)

    def forget(self) -> None:
        """Leave all that was learned."""
        self.pause()
        self._training = None
        self._network = self._denoiser = self._snapshot = None
        self._progress = self._planned = self._floor = None
        self._finished = False
        self.losses.clear()
        self.changed.emit()
        self.learned.emit()

    def pictures_changed(self) -> None:
        """What was learned is of other pictures: forget it, and if it is training, begin again in a moment."""
        goes_on = self.running
        if self._training is not None:
            self.forget()
        if goes_on:
            self._again.start()
            self.changed.emit()

    def set_starts(self, starts: object) -> None:
        """Other noise for the shown walks to begin with, (N, 2)."""
        if self._training is not None:
            self._training.starts = starts

    def _leave(self) -> None:
        """What the job still says is not of interest any more."""
        handle, self._handle = self._handle, None
        if handle is not None:
            for signal, slot in (
                (handle.events, self._on_events),
                (handle.frame, self._on_frame),
                (handle.succeeded, self._on_succeeded),
                (handle.failed, self._on_failed),
                (handle.finished, self._on_finished),
            ):
                signal.disconnect(slot)

    @Slot()
    def _begin_again(self) -> None:
        assert self._runner is not None
        if self._runner.accepting:
            try:
                self.train(self._runner)
            except StudioError as error:
                self.failed.emit(error)
                self.changed.emit()

    @Slot(list)
    def _on_events(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, Progress):
                self.losses.append(event.losses, event.seconds, event.images_seen)
                self._progress = event
            elif isinstance(event, Floor):
                self._floor = event.loss
        progress = self._progress
        if progress is not None and progress.fraction > 0.02:
            # The seconds of a budget in pictures become known on the way; smoothed, so that they do not flicker.
            planned = progress.seconds / progress.fraction
            self._planned = planned if self._planned is None else 0.9 * self._planned + 0.1 * planned
        self.changed.emit()

    @Slot(object)
    def _on_frame(self, snapshot: Snapshot) -> None:
        if self._training is None:
            return
        task = self._training.task
        if self._network is None:
            self._network = build_network(task.network).eval().requires_grad_(False)
            self._denoiser = NetworkDenoiser(self._network, task.schedule, task.settings.parameterization)
        self._network.load_state_dict(dict(snapshot.weights))
        self._snapshot = snapshot
        self.learned.emit()
        self.changed.emit()

    @Slot(object)
    def _on_succeeded(self, _last: object) -> None:
        self._finished = True
        if self._progress is not None:
            self._planned = self._progress.seconds

    @Slot(object, str)
    def _on_failed(self, error: StudioError, _trace: str) -> None:
        self.failed.emit(error)

    @Slot()
    def _on_finished(self) -> None:
        self._handle = None
        self.changed.emit()
