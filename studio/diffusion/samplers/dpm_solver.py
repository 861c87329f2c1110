"""DPM-Solver++(2M): Lu et al., arXiv 2211.01095, Algorithm 2. With λ = log(√ᾱ/√(1−ᾱ)), h = λ_s − λ_t for this step and
h₋ for the one before:

    x̄ = x̂0 + h/(2h₋) (x̂0 − x̂0₋)                                  the picture half a step ahead, on a straight line
    z_s = √(1−ᾱ_s)/√(1−ᾱ_t) z_t + √ᾱ_s (1 − e^{−h}) x̄

Second order with one model call a step: the other point of the line is the answer of the step before. The first step
has none, and the last one, to the picture, has h = ∞: both take x̄ = x̂0, which is first order (DDIM with η = 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from studio.diffusion.prediction import Prediction
from studio.diffusion.samplers.exponential import direction_towards, half_log_snr_step
from studio.diffusion.samplers.protocol import Ask, DeterministicSampler, Evaluation, Move
from studio.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True)
class DPMSolverSampler(DeterministicSampler):
    """DPM-Solver++(2M): remembers the last picture it was given, and follows where the pictures are going."""

    name: ClassVar[str] = "dpmpp2m"
    memory: ClassVar[int] = 1

    def move(
        self,
        schedule: NoiseSchedule,
        t: int,
        s: int,
        z: torch.Tensor,
        prediction: Prediction,
        before: Sequence[Evaluation],
        ask: Ask,
    ) -> Move:
        """See `Sampler.move`."""
        if s == -1 or not before:
            return Move(direction=prediction.eps, departure=z)
        step, step_before = half_log_snr_step(schedule, t, s), half_log_snr_step(schedule, before[-1].t, t)
        if step_before <= 0.0:
            # Two levels of noise that are one and the same: no line can be drawn.
            return Move(direction=prediction.eps, departure=z)
        ahead = prediction.x0 + step / (2.0 * step_before) * (prediction.x0 - before[-1].x0)
        return Move(direction=direction_towards(ahead, prediction, schedule, t), departure=z)
