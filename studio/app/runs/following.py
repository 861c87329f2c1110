"""Shows a run that another process trains in the panels of the Train workspace: reads its folder every second.

There is one for each StudioState. Reading happens in the background by short jobs that give way to any other; the state
names what is followed, and whoever shows a training listens to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.runs.browsing import run_browsing_of
from studio.app.runs.followed import FollowedRun
from studio.app.state import StudioState
from studio.errors import SettingsError, StudioError
from studio.training.following import RunFollower
from studio.training.runs import summarize

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.training.events import TrainingEvent

POLL_MS = 700
FINISHED_POLL_MS = 5000
"""What has finished may be given more time by whoever trains it."""


@dataclass(frozen=True, eq=False)
class _Opened:
    follower: RunFollower
    title: str


@dataclass(frozen=True, eq=False)
class _Heard:
    events: tuple[TrainingEvent, ...]
    quiet_seconds: float
    fraction: float
    finished: bool
    more: bool


class Following(QObject):
    """Attaches to one run at a time. Never while one trains here: that is refused with a sentence."""

    attached = Signal(object)
    """The FollowedRun: it is the state's now."""
    detached = Signal()
    failed = Signal(object)
    """StudioError"""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._runner: Runner | None = None
        self._follower: RunFollower | None = None
        self._job: JobHandle | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._poll)
        state.training_changed.connect(self._give_way)

    @property
    def followed(self) -> FollowedRun | None:
        return self._state.followed

    def attach(self, folder: Path, runner: Runner) -> None:
        """Follow the run in `folder` instead of whatever is followed."""
        if self._state.training is not None:
            error = SettingsError("A training goes on in this window.", "Stop it first, then follow the other one.")
            self.failed.emit(error)
            return
        self.detach()
        self._runner = runner
        self._job = runner.interject(_open(folder), f"Opening {folder.name}", background=False)
        self._job.succeeded.connect(self._on_opened)
        self._job.failed.connect(self._on_failed)

    @Slot()
    def detach(self) -> None:
        """Follow nothing any more; what is shown stays until something else is."""
        self._timer.stop()
        if self._job is not None:
            self._job.cancel()
        self._job = self._follower = None
        followed = self._state.followed
        if followed is not None:
            followed.close()
            self._state.set_followed(None)
            followed.deleteLater()
            self.detached.emit()

    @Slot()
    def use_model(self) -> None:
        """Make pictures with the newest checkpoint of the run that is followed; it is followed on meanwhile."""
        followed = self._state.followed
        summary = None if followed is None else summarize(followed.folder)
        if summary is not None and self._runner is not None:
            run_browsing_of(self._state).use_model(summary, self._runner)

    @Slot(object)
    def _on_opened(self, opened: _Opened) -> None:
        if self.sender() is not self._job:
            return
        self._job = None
        if self._state.training is not None:
            return
        follower = opened.follower
        self._follower = follower
        followed = FollowedRun(follower.folder, opened.title, follower.facts, follower.settings, self)
        self._state.set_followed(followed)
        self.attached.emit(followed)
        self._poll()

    @Slot(object)
    def _give_way(self, training: object) -> None:
        # Both cannot be shown in the same panels.
        if training is not None:
            self.detach()

    @Slot()
    def _poll(self) -> None:
        if self._follower is None or self._runner is None or self._job is not None:
            return
        if self._runner.accepting:
            self._job = self._runner.interject(_poll(self._follower), "Following", background=True)
            self._job.succeeded.connect(self._on_heard)
            self._job.failed.connect(self._on_failed)
            self._job.finished.connect(self._on_poll_over)

    @Slot(object)
    def _on_heard(self, heard: _Heard) -> None:
        followed = self._state.followed
        if self.sender() is not self._job or followed is None:
            return
        followed.take(heard.events)
        followed.heard(quiet_seconds=heard.quiet_seconds, fraction=heard.fraction, finished=heard.finished)

    @Slot()
    def _on_poll_over(self) -> None:
        if self.sender() is not self._job:
            return
        self._job = None
        followed = self._state.followed
        if followed is not None and self._follower is not None:
            slow = followed.finished or followed.quiet
            self._timer.start(0 if self._follower.more else FINISHED_POLL_MS if slow else POLL_MS)

    @Slot(object, str)
    def _on_failed(self, error: StudioError, _traceback: str) -> None:
        if self.sender() is self._job:
            if self._follower is None:
                self._job = None
            self.failed.emit(error)


def _open(folder: Path) -> Iterator[object]:
    yield None
    summary = summarize(folder)
    follower = RunFollower(folder)
    return _Opened(follower, folder.name if summary is None else summary.title)


def _poll(follower: RunFollower) -> Iterator[object]:
    # At once and without a break: a poll that was cancelled half-way would lose what it has read.
    events = tuple(follower.poll())
    yield from ()
    return _Heard(events, follower.quiet_seconds, follower.fraction, follower.finished, follower.more)


def following_of(state: StudioState) -> Following:
    """The one for a window's state, made at the first call."""
    found = state.findChild(Following)
    return found if found is not None else Following(state)
