"""The checkpoints that a run can be gone back to, read in the background whenever another one was kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.training.event_feed import EventFeed

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.library.bundle import ModelBundle
    from studio.training.kept_checkpoints import KeptCheckpoint

NEAR_SHARE = 0.15
NEAR_SECONDS = 10.0
"""A checkpoint stands for a row of the wall when it is at most so far from it, in seconds or as a share of its time."""


class KeptCheckpoints(QObject):
    """Of the run that is shown. There is one for each StudioState (`kept_of`)."""

    changed = Signal()
    failed = Signal(object)
    """StudioError"""
    model_made = Signal(object, object)
    """A model from a checkpoint is in a file: its ModelBundle and the path."""

    def __init__(self, state: StudioState, runner: Runner) -> None:
        super().__init__(state)
        self._state = state
        self._runner = runner
        self._kept: tuple[KeptCheckpoint, ...] = ()
        self._reading: JobHandle | None = None
        self._again = False
        feed = EventFeed(state, self)
        feed.started.connect(self._on_started)
        feed.checkpoint_saved.connect(self._on_saved)
        state.run_changed.connect(self._on_run)

    @property
    def kept(self) -> tuple[KeptCheckpoint, ...]:
        """Oldest first."""
        return self._kept

    @property
    def folder(self) -> Path | None:
        """The folder of the run that is shown."""
        source = self._state.run if self._state.followed is None else self._state.followed
        folder = getattr(source, "folder", None)
        return None if folder is None else Path(folder)

    def near(self, step: int, seconds: float) -> KeptCheckpoint | None:
        """The checkpoint that stands for a moment, when there is one at it or close by."""
        nearest = min(self._kept, key=lambda kept: abs(kept.step - step), default=None)
        if nearest is None or abs(nearest.seconds - seconds) > max(NEAR_SECONDS, NEAR_SHARE * seconds):
            return None
        return nearest

    def write_model(self, kept: KeptCheckpoint, raw: bool, path: Path) -> JobHandle:
        """Write the model inside of a checkpoint to a file, in the background."""
        handle = self._runner.interject(model_job(kept, raw, path), f"Writing {path.name}", essential=True)
        handle.succeeded.connect(self._on_model)
        handle.failed.connect(self.failed)
        return handle

    @Slot()
    def read(self) -> None:
        """Look at the folder again."""
        folder = self.folder
        if folder is None or not self._runner.accepting:
            self._show(())
        elif self._reading is not None:
            self._again = True
        else:
            self._reading = self._runner.interject(read_kept(folder), "Looking at checkpoints")
            self._reading.succeeded.connect(self._on_read)
            self._reading.failed.connect(self._on_not_read)
            self._reading.cancelled.connect(self._on_not_read)

    @Slot(object)
    def _on_run(self, run: object) -> None:
        if run is None:
            self._show(())

    @Slot(object)
    def _on_started(self, event: object) -> None:
        if event.step == 0:
            self._show(())
        else:
            self.read()

    @Slot(object)
    def _on_saved(self, event: object) -> None:
        if event.kept:
            self.read()

    @Slot(object)
    def _on_read(self, kept: tuple[KeptCheckpoint, ...]) -> None:
        self._reading = None
        self._show(kept)
        self._once_more()

    @Slot()
    def _on_not_read(self) -> None:
        self._reading = None
        self._once_more()

    @Slot(object)
    def _on_model(self, result: tuple[ModelBundle, Path]) -> None:
        self.model_made.emit(*result)

    def _once_more(self) -> None:
        if self._again:
            self._again = False
            self.read()

    def _show(self, kept: tuple[KeptCheckpoint, ...]) -> None:
        if kept != self._kept:
            self._kept = kept
            self.changed.emit()


def kept_of(state: StudioState, runner: Runner) -> KeptCheckpoints:
    """The one of a state, made at the first call."""
    found = state.findChild(KeptCheckpoints)
    return found if found is not None else KeptCheckpoints(state, runner)


def read_kept(folder: Path) -> Iterator[object]:
    """A job: returns the checkpoints that stay in a run's folder."""
    from studio.training.kept_checkpoints import kept_checkpoints

    yield from ()
    return kept_checkpoints(folder)


def model_job(kept: KeptCheckpoint, raw: bool, path: Path) -> Iterator[object]:
    """A job: writes the averaged or the raw weights of a checkpoint as a model; returns it and the path."""
    from studio.training.checkpoint_models import kept_model

    yield from ()
    model = kept_model(kept.path, raw=raw)
    model.save(path)
    return model, path
