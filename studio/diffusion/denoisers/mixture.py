"""The exact denoiser E[x | z_t] of a mixture of Gaussians, and the density that it belongs to.

    x ~ Σ_k π_k N(m_k, v_k),      q(z_t) = Σ_k π_k N(√ᾱ m_k, s_k),      s_k = ᾱ v_k + 1 − ᾱ

A diagonal variance v_k, so that pixels are independent within a component. With the responsibilities r_k of q(z_t)
(Bishop & Bishop §15.2) and the posterior of each component (eq. 2.122):

    r_k = softmax_k( log π_k + log N(z_t; √ᾱ m_k, s_k) )
    x̂0 = Σ_k r_k (m_k + √ᾱ v_k / s_k · (z_t − √ᾱ m_k))
    ε̂  = Σ_k r_k √(1−ᾱ) / s_k · (z_t − √ᾱ m_k)  =  −√(1−ᾱ) ∇ log q(z_t)

A component is a class: asked for class k alone, r is 1 there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.diffusion.denoisers.exact import as_float64, class_numbers
from studio.diffusion.denoisers.protocol import Condition
from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule


class GaussianMixtureDenoiser:
    """The exact denoiser of a mixture of K Gaussians, whose components are its classes.

    means: (K, C, H, W). variances: a number, (K,) for one in each component, or (K, C, H, W); 0 for single pictures.
    weights: (K,), positive, in any scale; all alike when not given.

    It computes in float64 and holds N·K pictures at a time, so K should be small. Raises ValueError for a negative
    variance, a weight that is not positive, or shapes that do not fit.
    """

    def __init__(
        self,
        schedule: NoiseSchedule,
        means: Tensor,
        variances: Tensor | float,
        weights: Tensor | None = None,
    ) -> None:
        self.schedule = schedule
        self.means = torch.as_tensor(means, dtype=torch.float64, device="cpu")
        if self.means.ndim != 4 or len(self.means) == 0:
            raise ValueError(f"means must be (K, C, H, W), not {tuple(self.means.shape)}")
        count = len(self.means)
        self.class_count: int | None = count
        variance = torch.as_tensor(variances, dtype=torch.float64, device="cpu")
        if variance.shape not in ((), (count,), self.means.shape):
            raise ValueError(f"variances of shape {tuple(variance.shape)} for means {tuple(self.means.shape)}")
        self.variances = (variance.view(-1, 1, 1, 1) if variance.ndim < 4 else variance).expand_as(self.means)
        weight = torch.ones(count) if weights is None else weights
        weight = torch.as_tensor(weight, dtype=torch.float64, device="cpu")
        if weight.shape != (count,):
            raise ValueError(f"weights must be ({count},), not {tuple(weight.shape)}")
        if not bool((self.variances >= 0).all() and (weight > 0).all()):
            raise ValueError("a variance cannot be negative, and a weight must be positive")
        self.weights = weight / weight.sum()

    def predict(self, z_t: Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`; computed in float64, returned in the type of z_t and on its device."""
        z = as_float64(z_t)
        signal, sigma = math.sqrt(self.schedule.alpha_bar_at(t)), math.sqrt(self.schedule.one_minus_alpha_bar_at(t))
        means, variances = self.means.to(z.device), self.variances.to(z.device)
        excess, spread = self._excess(z, t)
        responsibilities = self._log_joint(excess, spread, condition).softmax(1)[:, :, None, None, None]
        x0 = (responsibilities * (means + signal * variances / spread * excess)).sum(1)
        eps = (responsibilities * (sigma / spread * excess)).sum(1)
        return Prediction(eps=eps.to(z_t.dtype).to(z_t.device), x0=x0.to(z_t.dtype).to(z_t.device))

    def log_density(self, z_t: Tensor, t: int, condition: Condition = None) -> Tensor:
        """log q(z_t), or log q(z_t | class) where a class is asked for; natural logarithm, float64 (N,).

        Its gradient with respect to z_t is the score. t = −1 is the density of the pictures themselves.
        """
        return self._log_joint(*self._excess(as_float64(z_t), t), condition).logsumexp(1)

    def _log_joint(self, excess: Tensor, spread: Tensor, condition: Condition) -> Tensor:
        """log of prior times likelihood of each component, (N, K)."""
        log_likelihood = -0.5 * (excess.square() / spread + (2.0 * math.pi * spread).log()).flatten(2).sum(2)
        return log_likelihood + self._log_prior(condition, len(excess)).to(excess.device)

    def _log_prior(self, condition: Condition, pictures: int) -> Tensor:
        """(N, K): log π_k, or log of 1 for the class asked for and of 0 for the others."""
        count = len(self.means)
        asked = class_numbers(condition, count, pictures).unsqueeze(1)
        alone = torch.where(asked == torch.arange(count), 0.0, -math.inf).to(torch.float64)
        return torch.where(asked == count, self.weights.log(), alone)

    def _excess(self, z: Tensor, t: int) -> tuple[Tensor, Tensor]:
        """z_t − √ᾱ m_k, (N, K, C, H, W), and s_k, (K, C, H, W)."""
        alpha_bar = self.schedule.alpha_bar_at(t)
        spread = alpha_bar * self.variances.to(z.device) + self.schedule.one_minus_alpha_bar_at(t)
        return z.unsqueeze(1) - math.sqrt(alpha_bar) * self.means.to(z.device), spread
