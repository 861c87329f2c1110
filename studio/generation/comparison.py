"""Comparison: runs from the same noise that differ in one or two things, as the cells of a table.

Rows and columns are axes: a sampler, a number of steps, a class and so on for each. Every cell is a SamplingRequest of
its own, so that it can be made alone and gives the same pixels; all begin with the z_T of the same seed, unless the
seed itself is an axis.

Two axes are about which noise levels a run walks through. SPACING is `SamplingRequest.spacing`. SCHEDULE takes the
levels that the same number of steps would visit on another noise schedule, and walks through those of the model's own
that are nearest to them in log-SNR; the network is always asked at a t that it was trained with, and the first is
always the model's last, where z_T stands.

At equal cost every cell gets as many steps as its model calls allow: the number that is given is one of calls, Heun
takes two a step but for the last, and guidance asks twice, with the class and without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import SAMPLERS, SPACINGS, sampling_pairs
from studio.diffusion.schedule import SCHEDULES, NoiseSchedule, make_schedule
from studio.errors import SettingsError
from studio.generation.plan import PictureModel, Plan, plan
from studio.generation.request import SamplingRequest

MOST_VALUES = 32
"""On one axis."""


class AxisKind(StrEnum):
    """What may differ between rows, or between columns."""

    SAMPLER = "sampler"
    STEPS = "steps"
    SPACING = "spacing"
    SCHEDULE = "schedule"
    ETA = "eta"
    VARIANCE = "variance"
    GUIDANCE = "guidance"
    CLASS = "class"
    CLIP = "clip"
    SEED = "seed"
    CHECKPOINT = "checkpoint"

    @property
    def title(self) -> str:
        """What it is called on the screen."""
        return _TITLES[self]


_TITLES = {
    AxisKind.SAMPLER: "Sampler",
    AxisKind.STEPS: "Steps",
    AxisKind.SPACING: "Spacing of the steps",
    AxisKind.SCHEDULE: "Levels of another schedule",
    AxisKind.ETA: "Noise η",
    AxisKind.VARIANCE: "Fresh noise",
    AxisKind.GUIDANCE: "Guidance",
    AxisKind.CLASS: "Class",
    AxisKind.CLIP: "Clipping",
    AxisKind.SEED: "Seed",
    AxisKind.CHECKPOINT: "Checkpoint",
}

Value = str | int | float | bool | None
NO_CLASS = None
"""The value on a class axis that asks for no class in particular."""

# Written out: few fonts can set a tilde on β.
_VARIANCES = {"beta": "fresh noise √β", "posterior": "less fresh noise"}
_CHOICES: Mapping[AxisKind, tuple[str, ...]] = {
    AxisKind.SAMPLER: tuple(SAMPLERS),
    AxisKind.SPACING: SPACINGS,
    AxisKind.SCHEDULE: tuple(SCHEDULES),
    AxisKind.VARIANCE: tuple(_VARIANCES),
}
_FIELDS: Mapping[AxisKind, str] = {
    AxisKind.SAMPLER: "sampler",
    AxisKind.STEPS: "steps",
    AxisKind.SPACING: "spacing",
    AxisKind.ETA: "eta",
    AxisKind.VARIANCE: "variance",
    AxisKind.GUIDANCE: "guidance",
    AxisKind.SEED: "seed",
}
# What only one of the samplers makes use of.
_NEEDED_SAMPLER = {AxisKind.ETA: "ddim", AxisKind.VARIANCE: "ddpm"}


@dataclass(frozen=True)
class Axis:
    """What differs along the rows or the columns, and its values in order.

    values: names for sampler, spacing, schedule ("linear", …), variance, class (NO_CLASS for none in particular) and
    checkpoint (what `compare` is given models for); whole numbers for steps and seed; numbers for eta and guidance;
    True or False for clip.

    Raises SettingsError for no values, too many, the same twice, or one that is impossible.
    """

    kind: AxisKind
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", AxisKind(self.kind))
        object.__setattr__(self, "values", tuple(self.values))
        name = self.kind.value
        if not self.values:
            raise SettingsError(f"Nothing was chosen to compare by {name}.", "Choose at least one value.")
        if len(self.values) > MOST_VALUES:
            raise SettingsError(f"{len(self.values)} values of {name} are too many.", f"Choose up to {MOST_VALUES}.")
        seen: set[Value] = set()
        for value in self.values:
            self._check(value)
            if value in seen:
                raise SettingsError(f"{name} has {self.label(value)!r} twice.", "Leave one of them out.")
            seen.add(value)

    def _check(self, value: Value) -> None:
        kind = self.kind
        if kind in _CHOICES and value not in _CHOICES[kind]:
            raise SettingsError(f"{kind} cannot be {value!r}.", f"Choose from: {', '.join(_CHOICES[kind])}.")
        if kind is AxisKind.CLIP and not isinstance(value, bool):
            raise SettingsError(f"clip cannot be {value!r}.", "It is on or off.")
        if kind is AxisKind.CLASS and not (value is NO_CLASS or isinstance(value, str)):
            raise SettingsError(f"class must be the name of a class, not {value!r}.")
        if kind is AxisKind.CHECKPOINT and not isinstance(value, str):
            raise SettingsError(f"checkpoint must be the name of a model, not {value!r}.")
        if kind is AxisKind.STEPS and value is None:
            raise SettingsError("steps must be a number.", "Choose how many steps to take.")
        # Numbers are refused, by name, by the request that they go into.
        self.applied(SamplingRequest(), value)

    def label(self, value: Value) -> str:
        """A value in words, short enough for the head of a row."""
        return axis_label(self.kind, value)

    @property
    def labels(self) -> tuple[str, ...]:
        """All values in words."""
        return tuple(self.label(value) for value in self.values)

    def applied(self, request: SamplingRequest, value: Value) -> SamplingRequest:
        """`request` with this value. Schedules and checkpoints are no part of a request: it stays as it is."""
        match self.kind:
            case AxisKind.CLASS:
                return replace(request, class_name=value, without_class=value is NO_CLASS)
            case AxisKind.CLIP:
                return replace(request, thresholding="clip" if value else "none")
            case AxisKind.SCHEDULE | AxisKind.CHECKPOINT:
                return request
        return replace(request, **{_FIELDS[self.kind]: value})


def axis_label(kind: AxisKind, value: Value) -> str:
    """A value of an axis in words: "DDPM", "20 steps", "η 0.5"."""
    match kind:
        case AxisKind.SAMPLER:
            return SAMPLERS[value].label if value in SAMPLERS else str(value)
        case AxisKind.STEPS:
            return "1 step" if value == 1 else f"{value:,} steps" if isinstance(value, int) else f"{value} steps"
        case AxisKind.SPACING | AxisKind.SCHEDULE:
            return str(value).replace("log_snr", "log-SNR").replace("_", " ")
        case AxisKind.ETA:
            return f"η {value:g}" if isinstance(value, int | float) else f"η {value}"
        case AxisKind.VARIANCE:
            return _VARIANCES.get(str(value), str(value))
        case AxisKind.GUIDANCE:
            return f"guidance {value:g}" if isinstance(value, int | float) else f"guidance {value}"
        case AxisKind.CLASS:
            return "no class" if value is NO_CLASS else str(value)
        case AxisKind.CLIP:
            return "clipped" if value else "not clipped"
        case AxisKind.SEED:
            return f"seed {value}"
        case AxisKind.CHECKPOINT:
            return str(value)


@dataclass(frozen=True)
class Cell:
    """One run of the comparison, with its place in the table.

    request: which makes it alone. schedule: the name of the noise schedule whose levels it walks through, None for the
    model's own. checkpoint: which of the models makes it, None for the one that is given. label: both values in words.
    """

    index: int
    row: int
    column: int
    request: SamplingRequest
    label: str
    schedule: str | None = None
    checkpoint: str | None = None

    def plan(self, model: PictureModel) -> Plan:
        """The run that makes this cell alone. Raises SettingsError as `plan`."""
        planned = plan(model, self.request)
        if self.schedule is None:
            return planned
        pairs = pairs_at_levels_of(
            make_schedule(self.schedule, model.schedule.step_count),
            model.schedule,
            self.request.steps,
            self.request.spacing or "trailing",
        )
        return Plan(replace(planned.run, pairs=pairs), planned.z)


@dataclass(frozen=True)
class Comparison:
    """Every value of `rows` with every one of `columns`, all else as in `base`, whose `count` is pictures a cell.

    columns: None for one column. equal_cost: steps are counted in model calls, see the module; each cell takes as many
    as cost no more.

    Raises SettingsError when both axes are of one kind, when an axis would change nothing, or when steps are to be
    chosen by cost and there is no number to go by.
    """

    base: SamplingRequest
    rows: Axis
    columns: Axis | None = None
    equal_cost: bool = False

    def __post_init__(self) -> None:
        kinds = [axis.kind for axis in self.axes]
        if len(set(kinds)) < len(kinds):
            raise SettingsError(
                f"Rows and columns would both differ in {kinds[0]}.", "Choose something else for one of them."
            )
        for kind, sampler in _NEEDED_SAMPLER.items():
            if kind in kinds and all(cell.request.sampler != sampler for cell in self.cells):
                raise SettingsError(
                    f"Only {SAMPLERS[sampler].label} makes use of {kind}, and no cell is made with it.",
                    f"Choose {SAMPLERS[sampler].label} as the sampler.",
                )
        if AxisKind.GUIDANCE in kinds and AxisKind.CLASS not in kinds and self.base.without_class:
            raise SettingsError("Without a class, guidance has nothing to exaggerate.", "Choose a class.")
        if self.equal_cost and self.base.steps is None and AxisKind.STEPS not in kinds:
            raise SettingsError("All steps were asked for, so the cost is given.", "Choose a number of steps.")

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Rows, and columns where there are any."""
        return (self.rows,) if self.columns is None else (self.rows, self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows.values), 1 if self.columns is None else len(self.columns.values)

    @property
    def row_labels(self) -> tuple[str, ...]:
        """The rows in words."""
        return self._in_calls(self.rows)

    @property
    def column_labels(self) -> tuple[str, ...]:
        """The columns in words; one empty label when there is only one."""
        return ("",) if self.columns is None else self._in_calls(self.columns)

    @property
    def title(self) -> str:
        """What is compared: "Sampler and steps, equal cost"."""
        first, *others = (axis.kind.title for axis in self.axes)
        words = " and ".join((first, *(other[0].lower() + other[1:] for other in others)))
        return f"{words}, equal cost" if self.equal_cost else words

    @property
    def held(self) -> tuple[str, ...]:
        """What is the same in all cells, in words: "DDIM", "20 steps", "seed 5"."""
        base, kinds = self.base, {axis.kind for axis in self.axes}
        words: list[str] = []
        if AxisKind.SAMPLER not in kinds:
            words.append(axis_label(AxisKind.SAMPLER, base.sampler))
        if AxisKind.STEPS not in kinds:
            steps = "all steps" if base.steps is None else axis_label(AxisKind.STEPS, base.steps)
            words.append(steps.replace("step", "call") if self.equal_cost else steps)
        samplers = {cell.request.sampler for cell in self.cells}
        if AxisKind.ETA not in kinds and base.eta and "ddim" in samplers:
            words.append(axis_label(AxisKind.ETA, base.eta))
        if AxisKind.VARIANCE not in kinds and "ddpm" in samplers:
            words.append(axis_label(AxisKind.VARIANCE, base.variance))
        if AxisKind.SPACING not in kinds and base.spacing is not None:
            words.append(f"{axis_label(AxisKind.SPACING, base.spacing)} spacing")
        if AxisKind.CLASS not in kinds and (base.class_name is not None or base.without_class):
            words.append(axis_label(AxisKind.CLASS, base.class_name))
        if AxisKind.GUIDANCE not in kinds and base.guidance != 1.0:
            words.append(axis_label(AxisKind.GUIDANCE, base.guidance))
        if AxisKind.CLIP not in kinds and base.thresholding != "none":
            words.append("clipped" if base.thresholding == "clip" else "dynamic threshold")
        if AxisKind.SEED not in kinds:
            words.append(axis_label(AxisKind.SEED, base.seed))
        return tuple(words)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Row by row."""
        cells: list[Cell] = []
        for row, row_value in enumerate(self.rows.values):
            for column, column_value in enumerate((None,) if self.columns is None else self.columns.values):
                chosen = {self.rows.kind: row_value}
                request = self.rows.applied(self.base, row_value)
                label = self.row_labels[row]
                if self.columns is not None:
                    chosen[self.columns.kind] = column_value
                    request = self.columns.applied(request, column_value)
                    label = f"{label}, {self.column_labels[column]}"
                if self.equal_cost and request.steps is not None:
                    request = replace(request, steps=steps_for_calls(request, request.steps))
                schedule, checkpoint = chosen.get(AxisKind.SCHEDULE), chosen.get(AxisKind.CHECKPOINT)
                cells.append(
                    Cell(
                        len(cells),
                        row,
                        column,
                        request,
                        label,
                        None if schedule is None else str(schedule),
                        None if checkpoint is None else str(checkpoint),
                    )
                )
        return tuple(cells)

    def _in_calls(self, axis: Axis) -> tuple[str, ...]:
        if self.equal_cost and axis.kind is AxisKind.STEPS:
            return tuple("1 call" if value == 1 else f"{value:,} calls" for value in axis.values)
        return axis.labels


def steps_for_calls(request: SamplingRequest, calls: int) -> int:
    """The most steps of `request`, at least 1, that ask the network no more than `calls` times for each picture.

    Guidance limited to some noise levels is counted as if it acted at all of them.
    """
    sampler = request.make_sampler()
    passes = 2 if request.guidance != 1.0 else 1
    return max(1, (calls // passes - sampler.model_calls(-1)) // sampler.model_calls(0) + 1)


def calls_of(run: ReverseRun) -> int:
    """How often the network is asked for each picture of `run`: guidance, where it acts, asks twice."""
    if run.labels is None or run.guidance.is_plain:
        return run.model_calls()
    calls = 0
    for t, s in run.pairs:
        # What a step asks more than once, it asks at its end.
        calls += 1 + run.guidance.acts_at(t)
        calls += (run.sampler.model_calls(s) - 1) * (1 + run.guidance.acts_at(s))
    return calls


def pairs_at_levels_of(
    other: NoiseSchedule, schedule: NoiseSchedule, steps: int | None, spacing: str = "trailing"
) -> tuple[tuple[int, int], ...]:
    """The (t, s) pairs on `schedule` whose noise is nearest to what `steps` steps on `other` visit.

    Nearest in log-SNR, where that t is free, else the next one below; room is kept for the rest. The first t is always
    T−1, because that is where z_T stands. On the schedule itself these are `sampling_pairs`.

    Raises ScheduleError as `sampling_pairs`.
    """
    most = min(other.step_count, schedule.step_count)
    steps = most if steps is None else min(steps, most)
    targets = other.log_snr[[t for t, _ in sampling_pairs(other, steps, spacing)]]
    levels = schedule.log_snr[::-1]
    last = schedule.step_count - 1
    nearest = last - np.searchsorted(0.5 * (levels[1:] + levels[:-1]), targets)
    times = [last]
    for index, time in enumerate(nearest[1:].tolist(), 2):
        times.append(min(max(time, steps - index), times[-1] - 1))
    return tuple(zip(times, [*times[1:], -1], strict=True))
