"""A schedule whose last step holds no picture: zero terminal SNR.

With a = √ᾱ, Lin et al., Common Diffusion Noise Schedules and Sample Steps are Flawed, arXiv 2305.08891, Algorithm 1:

    a'_t = (a_t − a_T) · a_1 / (a_1 − a_T)           the first step stays, the last becomes 0

Here the last step keeps a trace, ᾱ'_T = min(2⁻²⁴, ᾱ'_{T−1}/4): with 0, β_T would be 1, and ε̂ and x̂0 could not be
computed from each other at t = T. 2⁻²⁴ is what diffusers' multistep schedulers put there (float16's least number); the
quarter keeps β_T in (0, 1) where the step before is fainter than that, and continues the last steps of a straight line
to 0, whose β is 3/4.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from studio.diffusion.schedule.conversions import SMALLEST_ALPHA_BAR, beta_of_log_alpha_bar
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.errors import ScheduleError


def rescale_zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """`schedule` stretched so that its last step is pure noise, which it records; returned as it is if it has been.

    Train a network with v or x0 rather than ε for it, and sample with trailing spacing (Lin et al., §3.2 and §3.3):
    there is nothing to predict in pure noise.

    Raises ScheduleError when the last steps add too little noise to be stretched.
    """
    if schedule.zero_terminal_snr:
        return schedule
    root = schedule.sqrt_alpha_bar
    log_alpha_bar = np.array([math.log(SMALLEST_ALPHA_BAR)])
    if schedule.step_count > 1:
        if root[-2] == root[-1]:
            raise ScheduleError(
                f"The last step adds too little noise to be stretched: its β is {float(schedule.beta[-1]):.3g}.",
                "Raise the last β first.",
            )
        kept = (root[:-1] - root[-1]) * (root[0] / (root[0] - root[-1]))
        log_kept = 2.0 * np.log(kept)
        log_alpha_bar = np.append(log_kept, min(log_alpha_bar[0], log_kept[-1] - math.log(4.0)))
    return dataclasses.replace(schedule, beta=beta_of_log_alpha_bar(log_alpha_bar), zero_terminal_snr=True)
