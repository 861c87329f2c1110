"""Heun's method: Karras et al., arXiv 2206.00364, Algorithm 1, for x̄ = z/√ᾱ and σ̄ = √(1−ᾱ)/√ᾱ.

    x̄'_s = x̄_t + (σ̄_s − σ̄_t) ε̂(z_t, t)                              Euler's step, a trial
    x̄_s  = x̄_t + (σ̄_s − σ̄_t) ½ (ε̂(z_t, t) + ε̂(z'_s, s))           the slope at both ends

so the direction is ½ (ε̂_t + ε̂_s). Second order. The last step, to the picture, is Euler's: no model can be asked at
σ̄ = 0. A run of K steps therefore costs 2K − 1 model calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from studio.diffusion.prediction import Prediction
from studio.diffusion.samplers.protocol import Ask, DeterministicSampler, Evaluation, Move
from studio.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True)
class HeunSampler(DeterministicSampler):
    """Looks where Euler's step would lead, and walks along the mean of both slopes: two model calls a step."""

    name: ClassVar[str] = "heun"

    def model_calls(self, s: int) -> int:
        """See `Sampler.model_calls`."""
        return 1 if s == -1 else 2

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
        if s == -1:
            return Move(direction=prediction.eps, departure=z)
        coefficients = self.coefficients(schedule, t, s)
        trial = coefficients.state * z - coefficients.predicted_noise * prediction.eps
        return Move(direction=0.5 * (prediction.eps + ask(trial, s).eps), departure=z)
