"""How long each intent takes on this computer, measured in the background while nobody trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

if TYPE_CHECKING:
    from collections.abc import Hashable

    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.networks.config import NetworkConfig
    from studio.training.estimate import TrainingEstimate
    from studio.training.settings import TrainingSettings

SETTLE_MS = 900
"""Nothing is measured before the wishes have been the same for so long."""

MOST_KEPT = 64

Recipe = tuple["TrainingSettings", "NetworkConfig"]


@dataclass(frozen=True, eq=False)
class _Wish:
    """A recipe, and what tells it from others that take another time."""

    intent: str
    recipe: Recipe
    key: Hashable


class Estimates(QObject):
    """Newest wish wins: what is being measured for an older one is broken off. Measured ones are kept.

    The steps that are measured run where training would, so this gives way to every other job, and begins again when
    there is quiet.
    """

    changed = Signal()
    """Another estimate is known."""

    def __init__(self, state: StudioState, runner: Runner, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._wishes: tuple[_Wish, ...] = ()
        self._known: dict[Hashable, TrainingEstimate | None] = {}
        self._job: JobHandle | None = None
        self._measured: _Wish | None = None
        self._allowed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._measure_next)
        runner.job_finished.connect(self._on_job_finished)

    def of(self, intent: str) -> TrainingEstimate | None:
        """What is known of an intent as it was asked for last."""
        wish = next((wish for wish in self._wishes if wish.intent == intent), None)
        return None if wish is None else self._known.get(wish.key)

    def ask(self, recipes: Mapping[str, Recipe]) -> None:
        """Wish for these, the first one first, for the pictures and on the device of the state."""
        image_set, device = self._state.image_set, self._state.device
        if image_set is None or device is None:
            self._wishes = ()
            return
        place = (image_set.name, id(image_set.images), image_set.count, device.name)
        wishes = tuple(_Wish(intent, recipe, (place, *recipe)) for intent, recipe in recipes.items())
        if tuple(wish.key for wish in wishes) == tuple(wish.key for wish in self._wishes):
            return
        self._wishes = wishes
        if self._measured is not None and self._measured.key not in {wish.key for wish in wishes}:
            self._stop()
        self.changed.emit()
        self._timer.start()

    def allow(self, allowed: bool) -> None:
        """Measure, or do not: a training needs the machine for itself."""
        self._allowed = allowed
        if allowed:
            self._timer.start()
        else:
            self._timer.stop()
            self._stop()

    @Slot()
    def _measure_next(self) -> None:
        busy = any(not handle.background for handle in self._runner.jobs)
        if not self._allowed or self._job is not None or not self._runner.accepting or busy:
            # The end of what is going on comes back here.
            return
        wish = next((wish for wish in self._wishes if wish.key not in self._known), None)
        image_set, device = self._state.image_set, self._state.device
        if wish is None or image_set is None or device is None:
            return
        self._measured = wish
        job = estimate_job(wish.recipe, image_set, device, self._state.schedule)
        # In between, since looking at a large data set in the background may take minutes.
        self._job = self._runner.interject(job, "Measuring how long it takes", background=True)
        self._job.succeeded.connect(self._on_measured)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)

    @Slot(object)
    def _on_measured(self, estimate: TrainingEstimate) -> None:
        self._keep(estimate)

    @Slot(object, str)
    def _on_failed(self, _error: object, _trace: str) -> None:
        # It will be told when somebody really trains; nobody asked for this one.
        self._keep(None)

    @Slot()
    def _on_cancelled(self) -> None:
        self._job = self._measured = None

    @Slot(object)
    def _on_job_finished(self, _handle: object) -> None:
        if self._allowed and self._job is None:
            self._timer.start()

    def _keep(self, estimate: TrainingEstimate | None) -> None:
        wish, self._job, self._measured = self._measured, None, None
        if wish is not None:
            while len(self._known) >= MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[wish.key] = estimate
            self.changed.emit()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()


def estimate_job(recipe: Recipe, image_set: object, device: object, schedule: object) -> Iterator[object]:
    """A job: takes a few real steps; returns the TrainingEstimate. Raises StudioError."""
    from studio.training.estimate import estimate

    settings, network_config = recipe
    return (yield from estimate(settings, network_config, image_set, device, schedule=schedule))
