"""The exact denoiser E[x | z_t] of pictures that are distributed as N(m, σ²) in each pixel.

Bishop & Bishop eq. 2.122, the posterior of a linear-Gaussian model:

    x̂0 = m + √ᾱ σ² / (ᾱ σ² + 1 − ᾱ) · (z_t − √ᾱ m)
    ε̂  = √(1−ᾱ) / (ᾱ σ² + 1 − ᾱ) · (z_t − √ᾱ m)
"""

from __future__ import annotations

import math

import torch

from studio.diffusion.denoisers.protocol import Condition
from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule


class GaussianDenoiser:
    """The exact denoiser of pictures whose pixels are independent and N(mean, variance).

    mean, variance: floats, or tensors that broadcast to (N, C, H, W). variance may be 0: one single picture.
    """

    class_count: int | None = None

    def __init__(self, schedule: NoiseSchedule, mean: torch.Tensor | float, variance: torch.Tensor | float) -> None:
        self.schedule = schedule
        self.mean = torch.as_tensor(mean, dtype=torch.float64)
        self.variance = torch.as_tensor(variance, dtype=torch.float64)
        if not bool((self.variance >= 0).all()):
            raise ValueError("a variance cannot be negative")

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`; there are no classes, so `condition` changes nothing."""
        alpha_bar = self.schedule.alpha_bar_at(t)
        noise_variance = self.schedule.one_minus_alpha_bar_at(t)
        signal, sigma = math.sqrt(alpha_bar), math.sqrt(noise_variance)
        marginal = alpha_bar * self.variance + noise_variance
        excess = z_t - (signal * self.mean).to(z_t)
        return Prediction(
            eps=(sigma / marginal).to(z_t) * excess,
            x0=self.mean.to(z_t) + (signal * self.variance / marginal).to(z_t) * excess,
        )
