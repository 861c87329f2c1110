"""The comparison on the screen: what is compared, the cells as they are recorded, and how they are looked at.

There is one for each StudioState. The panel sets it up, starts and cancels it; the page shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.comparing.choices import ComparisonSettings
from studio.app.comparing.models import Checkpoint, checkpoints_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.playback import Playback
from studio.app.microscope.run_cost import Pace
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.diffusion.run import ReverseRun
    from studio.diffusion.trace import Trace
    from studio.generation.comparison import Comparison
    from studio.generation.comparison_export import Album, View
    from studio.generation.comparison_run import ComparisonEvent, SharedTime
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device
    from studio.training.run import TrainingRun


class Comparing(QObject):
    """One comparison at a time, recorded cell by cell."""

    settings_changed = Signal(object)
    """ComparisonSettings"""
    album_changed = Signal()
    """Another table of cells begins, or there is none any more."""
    cells_grew = Signal(object)
    """tuple of int: cells of which more is recorded."""
    view_changed = Signal()
    """Other values are shown, other moments aligned, or another cell is the reference."""
    running_changed = Signal(bool)
    progress_changed = Signal(int, int)
    """Model calls made, of how many."""
    failed = Signal(object)
    """StudioError"""
    exported = Signal(object)
    """Path"""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._denoising = denoising_of(state)
        self._settings = ComparisonSettings()
        self._opened: tuple[ModelChoice, ...] = ()
        self._run: _Run | None = None
        self._traces: dict[int, Trace] = {}
        self._seconds: dict[int, float] = {}
        self._album: Album | None = None
        self._view: View | None = None
        self._models: dict[int, tuple[ModelBundle, ModelChoice]] = {}
        self._time: SharedTime | None = None
        self._progress = (0, 0)
        self._paces: dict[str, Pace] = {}
        self.playback = Playback(self)

    @property
    def settings(self) -> ComparisonSettings:
        """What the next comparison compares."""
        return self._settings

    def set_settings(self, settings: ComparisonSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            self.settings_changed.emit(settings)

    @property
    def album(self) -> Album | None:
        """What was recorded of the comparison that goes on or was the last."""
        return self._album

    @property
    def view(self) -> View | None:
        """How it is looked at; there as long as the album is."""
        return self._view

    def change_view(self, **changes: object) -> None:
        """Look at it in another way: see View. The playhead stays at the same share of the axis."""
        if self._view is None or self._album is None:
            return
        view = dataclasses.replace(self._view, **changes)
        if view == self._view:
            return
        aligned_anew = view.alignment is not self._view.alignment
        share = self._time.share(self.playback.position) if self._time is not None else 1.0
        self._view = view
        if aligned_anew:
            self._time = self._album.time(view.alignment)
            # Before the playhead moves, whoever shows it must know the new axis.
            self.view_changed.emit()
            self._begin_playback(self._time.nearest(share))
        else:
            self.view_changed.emit()

    @property
    def time(self) -> SharedTime | None:
        """The axis that all cells share; its moments are the positions of `playback`."""
        return self._time

    def position(self, cell: int) -> int:
        """Where a cell stands at the playhead, 0..its steps."""
        return 0 if self._time is None else self._time.position(cell, self.playback.position)

    @property
    def running(self) -> bool:
        """Cells are being made, or wait for their turn."""
        return self._run is not None

    @property
    def progress(self) -> tuple[int, int]:
        """Model calls made, of how many; (0, 0) before the first."""
        return self._progress

    @property
    def seconds_left(self) -> float | None:
        """How much longer the comparison that goes on will take; None while that is not known."""
        if self._run is None or self._album is None:
            return None
        done, total = self._progress
        measured = sum(self._album.calls[cell] for cell in self._seconds)
        if measured:
            return sum(self._seconds.values()) / measured * (total - done)
        pace = self.pace(self._run.choice)
        return None if pace is None else pace.seconds * (total - done) * len(self._album.runs[0].pictures)

    @property
    def current_cell(self) -> int | None:
        """The cell that is being made."""
        return None if self._run is None else self._run.cell

    def pace(self, choice: ModelChoice | None) -> Pace | None:
        """The measured speed of a model, here or under the microscope; None before its first run."""
        if choice is None:
            return None
        return self._paces.get(choice.id) or self._denoising.pace(choice)

    def checkpoints(self) -> dict[str, Checkpoint]:
        """The models that a checkpoint axis can have, by name: those at hand, those opened here, those of the run."""
        return checkpoints_of(self._state, self._denoising, self._opened)

    def open_checkpoint(self, path: Path, runner: Runner) -> None:
        """Read another model for the checkpoint axis; `changed` of the known models comes with it."""
        choice = ModelChoice(ModelSource.FILE, path.stem, path)
        if choice not in self._opened:
            self._opened = (*self._opened, choice)
        self._denoising.models.read_ahead((choice,), runner)

    def start(self, choice: ModelChoice, runner: Runner) -> JobHandle:
        """Make the cells; whatever trains or is paused meanwhile stands still for that long."""
        if self._run is not None:
            raise RuntimeError("a comparison is running already")
        state = self._state
        loaded = self._denoising.models.known(choice) if choice.source is not ModelSource.LIVE else None
        job = _compare(
            loaded if loaded is not None else choice, self._settings, self.checkpoints(), state.device, state.run
        )
        handle = runner.interject(job, "Comparing")
        self._run = _Run(handle, choice)
        self._set_progress(0, 0)
        handle.events.connect(self._on_events)
        handle.succeeded.connect(self._on_succeeded)
        handle.cancelled.connect(self._end)
        handle.failed.connect(self._on_failed)
        self.running_changed.emit(True)
        return handle

    @Slot()
    def cancel(self) -> None:
        """Stop before the next step; what was recorded so far stays."""
        if self._run is not None:
            self._run.handle.cancel()

    def open_in_microscope(self, cell: int) -> bool:
        """Put the run of a cell under the microscope; whether there is one."""
        if self._album is None or not self._album.is_there(cell) or (self.running and cell == self.current_cell):
            return False
        model, choice = self._models[cell]
        self._state.set_model(model, choice)
        self._denoising.show_trace(self._album.traces[cell], (model, choice))
        return True

    def export(self, job: Iterator[object], path: Path, runner: Runner) -> JobHandle:
        """Run a job that writes a file; `exported` or `failed` tells how it ended."""
        handle = runner.interject(job, f"Writing {path.name}")
        handle.succeeded.connect(self.exported)
        handle.failed.connect(self._on_export_failed)
        return handle

    @Slot(list)
    def _on_events(self, events: list) -> None:
        from studio.generation.comparison_run import CellBegun, CellDone, CellStep

        grown: set[int] = set()
        for event in events:
            if self._run is None:
                return
            if isinstance(event, TableBegun):
                self._take_table(event)
            elif self._album is None:
                continue
            elif isinstance(event, CellBegun):
                self._run.cell = event.cell.index
                self._traces[event.cell.index] = event.trace
                grown.add(event.cell.index)
            elif isinstance(event, CellStep):
                grown.add(event.cell.index)
                done = sum(self._album.calls[: event.cell.index])
                share = event.done / event.total
                self._progress = (done + round(share * self._album.calls[event.cell.index]), sum(self._album.calls))
            elif isinstance(event, CellDone):
                self._seconds[event.cell.index] = event.seconds
        if grown:
            self.cells_grew.emit(tuple(sorted(grown)))
            self.progress_changed.emit(*self._progress)

    def _take_table(self, event: TableBegun) -> None:
        from studio.generation.comparison_export import Album, View

        assert self._run is not None
        name = event.model.name or self._run.choice.title
        # The album sees what is put into these while the cells come.
        self._traces, self._seconds = {}, {}
        self._album = Album(event.comparison, event.runs, self._traces, self._seconds, name)
        shown, alignment = ("z", None) if self._view is None else (self._view.shown, self._view.alignment)
        self._view = View(shown) if alignment is None else View(shown, alignment)
        self._time = self._album.time(self._view.alignment)
        titles = event.models
        base = (event.model, self._run.choice)
        self._models = {
            cell.index: base if cell.checkpoint is None else titles[cell.checkpoint] for cell in event.comparison.cells
        }
        self._set_progress(0, sum(self._album.calls))
        self.album_changed.emit()
        self._begin_playback(self._time.count - 1)

    def _begin_playback(self, moment: int) -> None:
        # All moments can be gone to at once: a cell that has not come so far shows the newest that it has.
        assert self._time is not None
        self.playback.begin(self._time.count)
        self.playback.extend(self._time.count)
        self.playback.seek(moment)

    @Slot(object)
    def _on_succeeded(self, _: object) -> None:
        if self._run is not None and self._album is not None:
            seconds = sum(self._album.seconds.values())
            work = sum(self._album.calls) * len(self._album.runs[0].pictures)
            self._paces[self._run.choice.id] = Pace(seconds / work)
        self._end()

    @Slot(object, str)
    def _on_failed(self, error: StudioError, details: str) -> None:
        self._end()
        self.failed.emit(error)

    @Slot(object, str)
    def _on_export_failed(self, error: StudioError, details: str) -> None:
        self.failed.emit(error)

    @Slot()
    def _end(self) -> None:
        self._run = None
        self.running_changed.emit(False)

    def _set_progress(self, done: int, total: int) -> None:
        self._progress = (done, total)
        self.progress_changed.emit(done, total)


class _Run:
    """A comparison that goes on."""

    def __init__(self, handle: JobHandle, choice: ModelChoice) -> None:
        self.handle = handle
        self.choice = choice
        self.cell: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class TableBegun:
    """The model is ready, and these cells will be made: `runs` of `comparison`; `models` of a checkpoint axis."""

    model: ModelBundle
    comparison: Comparison
    runs: tuple[ReverseRun, ...]
    models: Mapping[str, tuple[ModelBundle, ModelChoice]]


def _compare(
    source: ModelChoice | ModelBundle,
    settings: ComparisonSettings,
    checkpoints: Mapping[str, Checkpoint],
    device: Device | None,
    run: TrainingRun | None,
) -> Iterator[TableBegun | ComparisonEvent]:
    """The job; what brings torch is imported here, in the background thread, so that the window never waits for it."""
    from studio.generation.comparison_run import ComparisonPlanned, compare
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import choose_device

    # Only now is it known for certain which classes the model knows.
    model = source if isinstance(source, ModelBundle) else jobs.current_model(source, run)
    settings = settings.fitting(model.class_names, model.has_no_class_label, tuple(checkpoints))
    names = settings.values["checkpoint"] if "checkpoint" in settings.kinds else ()
    models = {str(name): checkpoints[str(name)].read(run) for name in names}
    comparison = settings.comparison()
    device = device if device is not None else choose_device("auto")
    for event in compare(model, comparison, device, checkpoints=models):
        if isinstance(event, ComparisonPlanned):
            choices = {name: (models[name], checkpoints[name].choice) for name in models}
            yield TableBegun(model, comparison, event.runs, choices)
        else:
            yield event


def comparing_of(state: StudioState) -> Comparing:
    """The one Comparing of a state, made at the first call."""
    found = state.findChild(Comparing)
    return found if found is not None else Comparing(state)
