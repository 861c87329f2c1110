"""What recording a run will take, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.app.microscope.sampler_settings import SamplerSettings
    from studio.diffusion.schedule import NoiseSchedule
    from studio.diffusion.trace import TraceSize


def trace_size(settings: SamplerSettings, schedule: NoiseSchedule, shape: tuple[int, int, int]) -> TraceSize:
    """What the trace of a run takes in memory and on disk at most, for pictures of `shape` (C, H, W)."""
    from studio.diffusion.run import ReverseRun
    from studio.diffusion.trace import Trace
    from studio.generation.plan import pairs_for

    request = settings.request()
    pairs, pictures = pairs_for(schedule, request), tuple(range(settings.count))
    return Trace.estimate(ReverseRun(schedule, request.make_sampler(), pairs, settings.seed, pictures, shape))
