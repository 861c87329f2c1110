"""Pictures from any denoiser."""

from __future__ import annotations

import numpy as np

from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import Denoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.thresholding import Thresholding


def sampled(denoiser: Denoiser, schedule: NoiseSchedule, count: int, side: int) -> np.ndarray:
    """Pictures uint8 (count, side, side, 1), by DDIM in 25 steps."""
    run = ReverseRun(
        schedule,
        DDIMSampler(),
        sampling_pairs(schedule, 25),
        seed=3,
        pictures=tuple(range(count)),
        shape=(1, side, side),
        thresholding=Thresholding("clip"),
    )
    *_, last = run.steps(denoiser)
    return to_pictures(last.z_s)
