"""DDPM, ancestral sampling: Bishop & Bishop Algorithm 20.2; Ho et al., arXiv 2006.11239, Algorithm 2.

With β_{t|s} = 1 − ᾱ_t/ᾱ_s, which is β_t when s = t − 1:

    state = 1/√(1−β_{t|s}),   predicted_noise = β_{t|s} / (√(1−ᾱ_t) √(1−β_{t|s}))
    fresh_noise² = β_{t|s}  ("beta", the book's),  or  β_{t|s} (1−ᾱ_s)/(1−ᾱ_t)  ("posterior", β̃)

The last step goes to the picture itself, s = −1, and adds no noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from studio.diffusion.samplers.protocol import OneCallSampler, StepCoefficients
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import SettingsError


@dataclass(frozen=True)
class DDPMSampler(OneCallSampler):
    """Ancestral sampling. variance: "beta", as in Algorithm 20.2, or "posterior", the smaller β̃."""

    variance: str = "beta"
    name: ClassVar[str] = "ddpm"

    def __post_init__(self) -> None:
        if self.variance not in ("beta", "posterior"):
            raise SettingsError(f"The DDPM sampler knows no variance {self.variance!r}.", "Choose beta or posterior.")

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """See `Sampler.coefficients`."""
        beta = schedule.beta_between(t, s)
        noise_t, noise_s = schedule.one_minus_alpha_bar_at(t), schedule.one_minus_alpha_bar_at(s)
        keep = math.sqrt(schedule.kept_between(t, s))
        variance = beta if self.variance == "beta" else beta * noise_s / noise_t
        return StepCoefficients(
            state=1.0 / keep,
            predicted_noise=beta / (math.sqrt(noise_t) * keep),
            fresh_noise=0.0 if s == -1 else math.sqrt(variance),
        )
