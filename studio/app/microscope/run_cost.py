"""What a reverse run costs: calls of the model, time by the pace of an earlier run, and room for its trace.

    calls = Σ over its steps of the sampler's calls a step
    time  = seconds for one picture in one call · pictures · calls,    twice that with guidance

Guidance asks about every picture with its class and without, in one call on a batch of twice the size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.app.microscope.sampler_settings import SamplerSettings
    from studio.diffusion.run import ReverseRun
    from studio.diffusion.trace import TraceSize
    from studio.generation.plan import PictureModel


@dataclass(frozen=True)
class Pace:
    """How fast a model is: seconds for one picture in one call of it."""

    seconds: float

    @classmethod
    def measured(cls, seconds: float, run: ReverseRun) -> Pace:
        """The pace of a run that took so long."""
        return cls(seconds / _work(run))

    def estimate(self, run: ReverseRun) -> float:
        """Seconds for a run, taking the time of a call as proportional to its batch."""
        return self.seconds * _work(run)


@dataclass(frozen=True)
class RunCost:
    """calls: of the model. seconds: None where no pace is known. trace: what recording takes at most."""

    calls: int
    seconds: float | None
    trace: TraceSize


def run_of(model: PictureModel, settings: SamplerSettings) -> ReverseRun:
    """The run that the settings describe. Brings torch."""
    from studio.diffusion.run import ReverseRun
    from studio.generation.plan import labels_for, pairs_for

    request = settings.fitting(model.class_names, model.has_no_class_label).request()
    pictures = tuple(range(request.count))
    return ReverseRun(
        model.schedule,
        request.make_sampler(),
        pairs_for(model.schedule, request),
        request.seed,
        pictures,
        model.shape,
        labels=labels_for(model, request, pictures),
        guidance=request.make_guidance(model.schedule),
        thresholding=request.make_thresholding(),
    )


def cost_of(run: ReverseRun, pace: Pace | None = None) -> RunCost:
    """What a run will cost. Brings torch."""
    from studio.diffusion.trace import Trace

    seconds = None if pace is None else pace.estimate(run)
    return RunCost(run.model_calls(), seconds, Trace.estimate(run))


def _work(run: ReverseRun) -> int:
    """How many pictures the model is asked about in all."""
    guided = run.labels is not None and not run.guidance.is_plain
    return run.model_calls() * len(run.pictures) * (2 if guided else 1)
