"""What a step asks of the network: which noise levels, and how its error counts in terms of the noise."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.diffusion.parameterization import Parameterization


def draw_timesteps(sampling: str, batch_size: int, step_count: int, generator: torch.Generator) -> Tensor:
    """0-based noise levels t, int64 (batch_size,), on the generator's device.

    "uniform": t ~ U{0..T-1}, each on its own, as in Algorithm 20.1. "stratified": one from each of batch_size equal
    parts of the range; every t is as likely as before, but the mean over a batch scatters less (Kingma et al., 2021,
    Variational Diffusion Models, appendix I.1; here with an offset of its own in each part).
    """
    device = generator.device
    if sampling == "uniform":
        return torch.randint(step_count, (batch_size,), generator=generator, device=device)
    offsets = torch.rand(batch_size, generator=generator, device=device)
    parts = torch.arange(batch_size, device=device)
    return ((parts + offsets) * (step_count / batch_size)).long().clamp_(max=step_count - 1)


def noise_error_weight(parameterization: Parameterization, alpha_bar: Tensor) -> Tensor:
    """The squared error of the predicted noise, as a multiple of the squared error of the network's output.

    z_t is given, so an error in one prediction fixes the error in the others: from
    eps = (z_t - sqrt(alpha_bar) x) / sqrt(1 - alpha_bar) and eps = sqrt(alpha_bar) v + sqrt(1 - alpha_bar) z_t,
    the squares differ by alpha_bar / (1 - alpha_bar) for x and by alpha_bar for v. Same shape as `alpha_bar`.
    """
    if parameterization is Parameterization.EPSILON:
        return torch.ones_like(alpha_bar)
    if parameterization is Parameterization.V:
        return alpha_bar
    return alpha_bar / (1.0 - alpha_bar)
