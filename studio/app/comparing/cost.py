"""What a comparison will cost, before it begins: cells, calls of the model, time, and room for its traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.app.comparing.choices import ComparisonSettings
    from studio.app.microscope.run_cost import Pace
    from studio.generation.plan import PictureModel


@dataclass(frozen=True)
class ComparisonCost:
    """calls: of the model for each picture, in all cells. seconds: None where no pace is known. memory, disk: bytes
    that the traces take at most."""

    cells: int
    calls: int
    seconds: float | None
    memory: int
    disk: int


def comparison_cost(
    settings: ComparisonSettings,
    model: PictureModel,
    checkpoints: Mapping[str, PictureModel],
    pace: Pace | None,
) -> ComparisonCost:
    """The cost of the comparison that the settings describe. Brings torch; some milliseconds.

    Raises SettingsError when the comparison is impossible.
    """
    from studio.generation.comparison import calls_of
    from studio.generation.comparison_run import plans_of, trace_sizes

    comparison = settings.comparison()
    runs = [planned.run for planned in plans_of(model, comparison, checkpoints)]
    sizes = trace_sizes(runs)
    calls = sum(calls_of(run) for run in runs)
    return ComparisonCost(
        cells=len(runs),
        calls=calls,
        seconds=None if pace is None else pace.seconds * calls * comparison.base.count,
        memory=sum(size.memory for size in sizes),
        disk=sum(size.disk for size in sizes),
    )
