"""The runs of this session with their branches: a tree to walk, to name, and to cut back.

There is one for each StudioState. Earlier runs stay at hand until they would take more than the memory budget of one
run, or there are too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.microscope.branch_settings import BranchPoint, describe_change
from studio.app.microscope.denoising import denoising_of
from studio.app.state import StudioState
from studio.app.undo import Change, undo_stack_of
from studio.errors import StudioError

if TYPE_CHECKING:
    import torch

    from studio.app.microscope.sampler_settings import SamplerSettings
    from studio.app.runner import JobHandle, Runner
    from studio.diffusion.trace import Trace
    from studio.library.bundle import ModelBundle

MOST_RUNS = 8
KEPT_BYTES = 256 * 2**20
"""What earlier runs may hold, all together, in memory and on disk."""
DISCARDED_BYTES = 64 * 2**20
"""What discarded branches may hold, so that they can be taken back; the oldest give their room back first."""

NO_RUN = "Denoise first: there is nothing to branch from yet"
RUNNING = "Wait for the run that goes on, or pause it"
NO_MODEL = "The model that made this run is not at hand: open it first"
NO_STEP = "No step begins here: go back to a moment before"


class Branches(QObject):
    """Knows every run that can be looked at again, and where a new branch may begin."""

    changed = Signal()
    """A run or branch came or went, or has another name."""
    grew = Signal(object)
    """Trace: more steps of it were recorded."""
    saved = Signal(object)
    """Path of a file that was written."""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._denoising = denoising_of(state)
        self._runs: list[Trace] = []
        self._recorded_here: list[Trace] = []
        self._numbers: dict[Trace, int] = {}
        self._runs_begun = 0
        self._names: dict[Trace, str] = {}
        self._looks: dict[Trace, int] = {}
        self._discarded: list[Trace] = []
        state.trace_changed.connect(self._take_trace)
        self._denoising.trace_grew.connect(self.grew)
        self._take_trace(state.trace)

    @property
    def runs(self) -> tuple[Trace, ...]:
        """The runs at hand, the newest first."""
        return tuple(reversed(self._runs))

    @property
    def shown(self) -> Trace | None:
        return self._state.trace

    def branches_of(self, trace: Trace) -> tuple[Trace, ...]:
        """The branches that leave a trace, without those that were discarded."""
        return tuple(child for child in trace.children if child not in self._discarded)

    def name_of(self, trace: Trace) -> str:
        """What a person called it, else "Run 2" or "from t 400"."""
        if trace in self._names:
            return self._names[trace]
        if trace.parent is None:
            return f"Run {self._numbers.get(trace, 1)}"
        return f"from t {trace.pairs[trace.first][0] + 1}"

    def look_of(self, trace: Trace) -> int:
        """The number of a branch among those of its run, in the order in which they were made: it keeps its colour."""
        if trace not in self._looks:
            family = tuple(trace.root.family())
            self._looks[trace] = 1 + max((self._looks.get(member, -1) for member in family), default=-1)
        return self._looks[trace]

    def rename(self, trace: Trace, name: str) -> None:
        """Call it by a name, or by its own again when that is empty."""
        before, after = self._names.get(trace, ""), name.strip()
        if after == self.name_of(trace):
            return
        title = "Rename run" if trace.parent is None else "Rename branch"
        undo_stack_of(self._state).push(Change(title, partial(self._set_name, trace), before, after))

    def words_of(self, trace: Trace) -> str:
        """What it changed, or how it was made."""
        known = self._denoising.model_of(trace)
        return describe_change(trace, () if known is None else known[0].class_names)

    def size_of(self, *traces: Trace) -> int:
        """Bytes of memory and disk together, of these traces and all that branch from them."""
        return sum(member.size.total for trace in traces for member in trace.family())

    def point(self, position: int | None = None) -> BranchPoint | None:
        """Where a branch of the run that is shown would begin; None where none can, see `refusal`."""
        if self.refusal(position):
            return None
        trace = self._state.trace
        known = None if trace is None else self._denoising.model_of(trace)
        if trace is None or known is None:
            return None
        return BranchPoint(trace, self._position(position), known[0])

    def refusal(self, position: int | None = None) -> str:
        """Why no branch can begin at a position, the playhead's when None; '' where one can."""
        trace = self._state.trace
        if trace is None or not len(trace):
            return NO_RUN
        if self._denoising.running:
            return RUNNING
        if self._denoising.model_of(trace) is None:
            return NO_MODEL
        return "" if 0 <= self._position(position) < len(trace) else NO_STEP

    def begin(
        self, point: BranchPoint, wished: SamplerSettings, runner: Runner, z: torch.Tensor | None = None
    ) -> object:
        """Make a branch and take its steps, in the background."""
        return self._start(partial(point.make, wished, z), point, runner)

    def begin_redrawn(self, point: BranchPoint, seed: int, runner: Runner) -> object:
        """A branch with other noise in z_t, around the same predicted pictures."""
        return self._start(lambda: point.make(point.settings, point.redrawn(seed)), point, runner)

    def show(self, trace: Trace) -> None:
        """Put it under the microscope."""
        if trace is not self._state.trace:
            self._denoising.show_trace(trace)

    def discard_refusal(self, trace: Trace) -> str:
        """Why a run or branch cannot be discarded now; '' when it can."""
        running = self._denoising.running_trace
        if running is not None and trace in _ancestry(running):
            return RUNNING
        if trace.parent is None and len(self._runs) == 1:
            return "It is the only run"
        return ""

    def discard(self, trace: Trace) -> None:
        """Take it away, with all that branch from it. What is shown then is its parent, or the newest other run.

        A branch can be taken back with Undo; a run gives its room back at once.
        """
        if self.discard_refusal(trace):
            return
        if trace.parent is None:
            self._close_run(trace)
        else:
            change = Change("Discard branch", partial(self._set_discarded, trace), False, True)
            undo_stack_of(self._state).push(change)

    def save(self, trace: Trace, path: Path, runner: Runner) -> JobHandle:
        """Write a run with all its branches to a file, in the background; `saved` tells, and `exported` or `failed` of
        the Denoising. What was discarded of it is not written, and cannot be taken back any more.
        """
        for discarded in [each for each in self._discarded if each.root is trace.root]:
            self._discarded.remove(discarded)
            discarded.close()
        known = self._denoising.model_of(trace)
        missing = self._denoising.missing_model_of(trace)
        job = _save_job(trace, None if known is None else known[0], missing, path)
        handle = runner.interject(job, f"Writing {path.name}", essential=True)
        handle.succeeded.connect(self.saved)
        handle.succeeded.connect(self._denoising.exported)
        handle.failed.connect(self._on_save_failed)
        return handle

    @Slot(object, str)
    def _on_save_failed(self, error: StudioError, details: str) -> None:
        self._denoising.failed.emit(error)

    def _start(self, make: Callable[[], Trace], point: BranchPoint, runner: Runner) -> object:
        self.show(point.trace)
        return self._denoising.start_branch(make, runner)

    def _position(self, position: int | None) -> int:
        return self._denoising.playback.position if position is None else position

    @Slot(object)
    def _take_trace(self, trace: Trace | None) -> None:
        if trace is not None:
            root = trace.root
            if root not in self._runs:
                self._runs.append(root)
                running = self._denoising.running_trace
                if running is not None and running.root is root:
                    self._recorded_here.append(root)
                self._runs_begun += 1
                self._numbers[root] = self._runs_begun
                self._make_room(root)
        self.changed.emit()

    def _make_room(self, newest: Trace) -> None:
        """Close the oldest runs while there are too many, or they and the newest would take too much."""
        needed = max(type(newest).estimate(newest.run, newest.budget_bytes).total, self.size_of(newest))
        running = self._denoising.running_trace
        earlier = [run for run in self._runs if run is not newest and (running is None or run is not running.root)]
        while earlier:
            held = self.size_of(*(run for run in self._runs if run is not newest))
            if len(self._runs) <= MOST_RUNS and held + needed <= KEPT_BYTES:
                break
            self._forget(earlier.pop(0))

    def _close_run(self, run: Trace) -> None:
        if self._state.trace is not None and self._state.trace.root is run:
            self._denoising.show_trace(next(other for other in self.runs if other is not run))
        self._forget(run)
        self.changed.emit()

    def _forget(self, run: Trace) -> None:
        for member in tuple(run.family()):
            self._names.pop(member, None)
            self._looks.pop(member, None)
            if member in self._discarded:
                self._discarded.remove(member)
        self._numbers.pop(run, None)
        self._runs.remove(run)
        # A run that came from elsewhere, a cell of a comparison for one, may still be looked at there.
        if run in self._recorded_here:
            self._recorded_here.remove(run)
            run.close()

    def _set_name(self, trace: Trace, name: str) -> None:
        if name:
            self._names[trace] = name
        else:
            self._names.pop(trace, None)
        self.changed.emit()

    def _set_discarded(self, trace: Trace, discarded: bool) -> None:
        parent = trace.parent
        # Its run, or its own room, may have been given back since.
        if parent is None or trace not in parent.children or trace.root not in self._runs:
            return
        if discarded and not self.discard_refusal(trace):
            if self._state.trace is not None and trace in _ancestry(self._state.trace):
                self._denoising.show_trace(parent)
            self._discarded.append(trace)
            while len(self._discarded) > 1 and self.size_of(*self._discarded) > DISCARDED_BYTES:
                self._discarded.pop(0).close()
        elif not discarded and trace in self._discarded:
            self._discarded.remove(trace)
        self.changed.emit()


def _save_job(trace: Trace, model: ModelBundle | None, missing: tuple[str, str], path: Path) -> Iterator[object]:
    from studio.generation.trace_file import save_traces

    yield from ()
    content, name = missing if model is None else (model.content_hash, model.name)
    return save_traces(path, trace, content, name, overwrite=True)


def _ancestry(trace: Trace) -> tuple[Trace, ...]:
    """A trace, its parent, and so on to the root."""
    found = [trace]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return tuple(found)


def branches_of(state: StudioState) -> Branches:
    """The one Branches of a state, made at the first call."""
    found = state.findChild(Branches)
    return found if found is not None else Branches(state)
