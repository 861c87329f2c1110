"""Making a comparison: every cell recorded step by step, within one memory budget, and the moments they share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import torch

from studio.diffusion.denoisers import Denoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.trace import Trace
from studio.diffusion.trace.recording import DEFAULT_BUDGET, TraceSize
from studio.errors import SettingsError
from studio.generation.comparison import Cell, Comparison
from studio.generation.plan import PictureModel, Plan
from studio.networks.devices import Device

Shown = Literal["z", "eps", "x0"]
"""z, the predicted noise, or the predicted picture."""


@dataclass(frozen=True, eq=False)
class ComparisonPlanned:
    """Nothing stands in the way: these are the runs of the cells, in their order."""

    runs: tuple[ReverseRun, ...]


@dataclass(frozen=True, eq=False)
class CellBegun:
    """A cell is next; its steps go into `trace`."""

    cell: Cell
    trace: Trace


@dataclass(frozen=True, eq=False)
class CellStep:
    """`done` of the `total` steps of a cell are recorded."""

    cell: Cell
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class CellDone:
    """A cell is complete, after `seconds` of its own."""

    cell: Cell
    trace: Trace
    seconds: float


ComparisonEvent = ComparisonPlanned | CellBegun | CellStep | CellDone


def plans_of(
    model: PictureModel, comparison: Comparison, checkpoints: Mapping[str, PictureModel] | None = None
) -> tuple[Plan, ...]:
    """The run of every cell. checkpoints: the models of a checkpoint axis by name.

    Raises SettingsError, before anything is computed, when a model is missing, cannot do what is asked, or makes
    pictures of another shape than `model`, which could not begin with the same noise.
    """
    plans = []
    for cell in comparison.cells:
        own = model_of(cell, model, checkpoints)
        if own.shape != model.shape:
            raise SettingsError(
                f"The pictures of {cell.checkpoint} have another shape than the others.",
                "Compare models of one picture size and colour.",
            )
        try:
            plans.append(cell.plan(own))
        except SettingsError as error:
            raise SettingsError(f"{cell.label}: {error.what}", error.remedy) from error
    return tuple(plans)


def model_of(cell: Cell, model: PictureModel, checkpoints: Mapping[str, PictureModel] | None = None) -> PictureModel:
    """The model that makes `cell`. Raises SettingsError when its checkpoint is not among those that are given."""
    if cell.checkpoint is None:
        return model
    if checkpoints is None or cell.checkpoint not in checkpoints:
        raise SettingsError(f"There is no checkpoint called {cell.checkpoint!r}.", "Choose another one.")
    return checkpoints[cell.checkpoint]


def trace_sizes(runs: Sequence[ReverseRun], budget_bytes: int = DEFAULT_BUDGET) -> tuple[TraceSize, ...]:
    """What recording each of the runs takes at most, `budget_bytes` of memory for all of them together: the first take
    what they need, the last go to disk."""
    sizes: list[TraceSize] = []
    left = budget_bytes
    for run in runs:
        sizes.append(Trace.estimate(run, left))
        left -= sizes[-1].memory
    return tuple(sizes)


def compare(
    model: PictureModel,
    comparison: Comparison,
    device: Device,
    *,
    checkpoints: Mapping[str, PictureModel] | None = None,
    budget_bytes: int = DEFAULT_BUDGET,
) -> Iterator[ComparisonEvent]:
    """Make every cell, row by row. Closing the generator keeps what is recorded.

    Raises as `plans_of` before the first cell, StorageError when a trace has no room.
    """
    plans = plans_of(model, comparison, checkpoints)
    runs = tuple(planned.run for planned in plans)
    yield ComparisonPlanned(runs)
    sizes = trace_sizes(runs, budget_bytes)
    ready: dict[int, Denoiser] = {}
    for cell, planned, size in zip(comparison.cells, plans, sizes, strict=True):
        own = model_of(cell, model, checkpoints)
        if id(own) not in ready:
            ready[id(own)] = own.denoiser(device)
        trace = Trace(planned.run, size.memory)
        yield CellBegun(cell, trace)
        seconds, began = 0.0, time.perf_counter()
        for step in trace.steps(ready[id(own)], planned.z, device=device.name):
            seconds += time.perf_counter() - began
            yield CellStep(cell, step.index + 1, step.total)
            # What the caller does between two steps is not the cell's time.
            began = time.perf_counter()
        yield CellDone(cell, trace, seconds)


def values_at(trace: Trace, position: int, shown: Shown = "z") -> torch.Tensor:
    """What a trace shows at a position, float32 (N, C, H, W): 0 is its first z, position n what n steps led to.

    Past the last recorded step the newest z, and the predictions of the step before it. No model call.
    Raises ValueError before the first step.
    """
    recorded = len(trace)
    if recorded == 0:
        raise ValueError("nothing has been recorded yet")
    if shown == "z":
        return trace.state(min(position, recorded))
    step = trace.frame(min(position, recorded - 1))
    return step.eps if shown == "eps" else step.x0


def rms_difference(values: torch.Tensor, reference: torch.Tensor) -> float:
    """√ of the mean squared difference over all values of all pictures; both (N, C, H, W) in model range −1..1."""
    return float((values.double() - reference.double()).square().mean().sqrt())


class Alignment(StrEnum):
    """When cells of different numbers of steps are at the same moment."""

    SHARE = "share"
    """After the same share of their steps."""
    LEVEL = "level"
    """At the same noise level."""


class SharedTime:
    """The moments of several runs on one axis, 0..count−1, from noise to picture.

    By SHARE there are as many moments as the longest run has steps, and one; by LEVEL one for each noise level that
    any run visits. Between two of its own levels a run shows the last that it has come to. Levels of different
    schedules are compared by log-SNR.
    """

    def __init__(self, runs: Sequence[ReverseRun], alignment: Alignment = Alignment.SHARE) -> None:
        if not runs:
            raise ValueError("there is no run to align")
        self.alignment = Alignment(alignment)
        self._lengths = [len(run.pairs) for run in runs]
        self._own_levels = [_levels(run) for run in runs]
        self._levels = np.unique(np.concatenate(self._own_levels))
        self._schedule = runs[0].schedule if all(run.schedule == runs[0].schedule for run in runs) else None

    @property
    def count(self) -> int:
        """How many moments there are."""
        return max(self._lengths) + 1 if self.alignment is Alignment.SHARE else len(self._levels)

    def position(self, run: int, moment: int) -> int:
        """Where run number `run` stands at a moment: 0..its steps."""
        if self.alignment is Alignment.SHARE:
            return moment * self._lengths[run] // (self.count - 1)
        found = np.searchsorted(self._own_levels[run], self._levels[moment], side="right") - 1
        return max(int(found), 0)

    def share(self, moment: int) -> float:
        """How much of the axis lies behind, 0..1."""
        return moment / (self.count - 1)

    def nearest(self, share: float) -> int:
        """The moment at a share of the axis."""
        return round(min(max(share, 0.0), 1.0) * (self.count - 1))

    def level(self, moment: int) -> int | None:
        """By LEVEL the t that people read, T..1, and 0 for the picture; None where runs have schedules of their own."""
        if self.alignment is Alignment.SHARE or self._schedule is None:
            return None
        level = self._levels[moment]
        if np.isposinf(level):
            return 0
        return int(np.argmin(np.abs(self._schedule.log_snr - level))) + 1

    def decibels(self, moment: int) -> float:
        """By LEVEL the signal to noise ratio of the moment; infinite for the picture."""
        return float(self._levels[moment] * (10.0 / np.log(10.0)))


def _levels(run: ReverseRun) -> np.ndarray:
    """log-SNR at positions 0..n, rising; infinite for the picture."""
    levels = [run.schedule.log_snr[t] for t, _ in run.pairs]
    end = run.pairs[-1][1]
    return np.array([*levels, np.inf if end < 0 else run.schedule.log_snr[end]], dtype=np.float64)
