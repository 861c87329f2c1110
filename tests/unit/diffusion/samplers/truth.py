"""Numbers whose distribution is known in full, and where sampling without fresh noise must take them.

x ~ Σ_k w_k N(m_k, d_k²), so z_t ~ p_t = Σ_k w_k N(√ᾱ_t m_k, ᾱ_t d_k² + 1 − ᾱ_t), with F_t its distribution function.

The probability-flow equation (Song et al., arXiv 2011.13456, eq. 13) carries p_t to p_0, and on a line paths cannot
cross, so it carries quantiles to quantiles:

    z_t  →  x = F_0⁻¹(F_t(z_t)),        for one component  x = m + (z_t − √ᾱ_t m) d / √(ᾱ_t d² + 1 − ᾱ_t)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from studio.diffusion import NoiseSchedule
from studio.diffusion.denoisers.mixture import GaussianMixtureDenoiser


@dataclass(frozen=True)
class Numbers:
    """A mixture of Gaussians on the line: weights that sum to 1, means, standard deviations."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def distribution(self, z: torch.Tensor, alpha_bar: float = 1.0) -> torch.Tensor:
        """F_t(z) where ᾱ_t is `alpha_bar`, float64."""
        total = torch.zeros_like(z)
        for weight, mean, deviation in zip(self.weights, self.means, self.deviations, strict=True):
            spread = math.sqrt(alpha_bar * deviation**2 + 1.0 - alpha_bar)
            total += weight * torch.special.ndtr((z - math.sqrt(alpha_bar) * mean) / spread)
        return total

    def quantile(self, share: torch.Tensor) -> torch.Tensor:
        """F_0⁻¹(share), by bisection down to the last bit."""
        low, high = torch.full_like(share, -20.0), torch.full_like(share, 20.0)
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = self.distribution(middle) < share
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return 0.5 * (low + high)

    def flow(self, z: torch.Tensor, alpha_bar: float) -> torch.Tensor:
        """Where the probability-flow equation ends that stands at z where ᾱ_t is `alpha_bar`."""
        return self.quantile(self.distribution(z, alpha_bar))

    def denoiser(self, schedule: NoiseSchedule) -> GaussianMixtureDenoiser:
        """The exact denoiser of pictures that are one such number each, (N, 1, 1, 1)."""
        means, deviations, weights = (
            torch.tensor(values, dtype=torch.float64) for values in (self.means, self.deviations, self.weights)
        )
        return GaussianMixtureDenoiser(schedule, means.view(-1, 1, 1, 1), deviations**2, weights)


GAUSSIAN = Numbers((1.0,), (0.3,), (0.5,))
MIXTURE = Numbers((0.3, 0.5, 0.2), (-0.8, 0.1, 0.7), (0.05, 0.1, 0.05))
OVERLAPPING = Numbers((0.4, 0.6), (-0.5, 0.4), (0.3, 0.25))


def evenly_drawn(count: int) -> torch.Tensor:
    """(count, 1, 1, 1) numbers that stand for a standard normal distribution: its quantiles, without chance."""
    shares = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return torch.special.ndtri(shares).view(count, 1, 1, 1)
