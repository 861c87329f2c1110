"""DDIM: Song et al., arXiv 2010.02502, eq. 12 and 16. With β_{t|s} = 1 − ᾱ_t/ᾱ_s:

fresh_noise = η √((1−ᾱ_s)/(1−ᾱ_t)) √β_{t|s}
state = √(ᾱ_s/ᾱ_t),       predicted_noise = √(ᾱ_s/ᾱ_t) √(1−ᾱ_t) − √(1−ᾱ_s−fresh_noise²)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from studio.diffusion.samplers.protocol import OneCallSampler, StepCoefficients
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import SettingsError


@dataclass(frozen=True)
class DDIMSampler(OneCallSampler):
    """Non-Markovian sampling for few steps. eta in [0, 1]: 0 adds no noise, 1 adds as much as DDPM's β̃."""

    eta: float = 0.0
    name: ClassVar[str] = "ddim"

    def __post_init__(self) -> None:
        if not 0.0 <= self.eta <= 1.0:
            raise SettingsError(f"DDIM's η is {self.eta!r}.", "Choose a number from 0 to 1.")

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """See `Sampler.coefficients`."""
        beta = schedule.beta_between(t, s)
        noise_t, noise_s = schedule.one_minus_alpha_bar_at(t), schedule.one_minus_alpha_bar_at(s)
        fresh_variance = self.eta**2 * beta * noise_s / noise_t
        state = 1.0 / math.sqrt(schedule.kept_between(t, s))
        return StepCoefficients(
            state=state,
            predicted_noise=state * math.sqrt(noise_t) - math.sqrt(max(noise_s - fresh_variance, 0.0)),
            fresh_noise=math.sqrt(fresh_variance),
        )
