"""Looking at every picture of the open set for what a person should know, whenever nothing else is to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.data.jobs import examine_data
from studio.app.runner import JobHandle, Runner
from studio.app.state import StudioState
from studio.data.findings import HealthReport
from studio.data.health import look_over
from studio.data.preparation import Preparation

if TYPE_CHECKING:
    from studio.data.origins import Origins


class Examination(QObject):
    """Of the state's set. It gives way to every other job, and begins again after it."""

    examined = Signal()
    """More is known."""

    def __init__(self, state: StudioState, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._runner: Runner | None = None
        self._origins: Origins | None = None
        self._preparation = Preparation()
        self._handle: JobHandle | None = None
        self._health: HealthReport | None = None
        self._gave_way = False

    def use(self, runner: Runner) -> None:
        """Work with this background thread."""
        self._runner = runner
        runner.job_started.connect(self._on_job_started)
        runner.idle.connect(self._begin_again)

    @property
    def health(self) -> HealthReport | None:
        """What is to be known about the set, as far as it was looked at; None without one."""
        image_set = self._state.image_set
        if self._health is None and image_set is not None:
            self._health = look_over(image_set, self._state.report, self._origins, self._preparation)
        return self._health

    def forget(self, origins: Origins | None, preparation: Preparation) -> None:
        """Another set is coming, made in this way."""
        self.stop()
        self._origins, self._preparation = origins, preparation
        self._health = None

    def begin(self) -> None:
        """Look at the set that is open now."""
        self.stop()
        image_set = self._state.image_set
        if self._runner is None or image_set is None or not self._runner.accepting:
            return
        job = examine_data(image_set, self._state.report, self._origins, self._preparation)
        self._handle = self._runner.start(job, "Examining pictures", background=True)
        self._handle.events.connect(self._on_events)
        self._handle.finished.connect(self._on_finished)

    def stop(self) -> None:
        """Leave it at what is known."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None
        self._gave_way = False

    @Slot(list)
    def _on_events(self, events: list) -> None:
        reports = [event for event in events if isinstance(event, HealthReport)]
        if reports and self.sender() is self._handle:
            self._health = reports[-1]
            self.examined.emit()

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._handle:
            self._handle = None

    @Slot(object)
    def _on_job_started(self, handle: JobHandle) -> None:
        self._gave_way = self._gave_way or (self._handle is not None and not handle.background)

    @Slot()
    def _begin_again(self) -> None:
        # Only what gave way to something else: whoever cancelled it otherwise, closing the window, meant it.
        if self._gave_way and self._handle is None:
            self.begin()
