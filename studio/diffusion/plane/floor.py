"""The loss that no network can go below: that of the exact denoiser.

What is lost where two pictures with different noise give the same z_t cannot be known by anyone: the loss of training,
‖ε̂ − ε‖² per value, ends at its expectation under the exact denoiser, not at 0 (Karras et al., arXiv 2206.00364, B.3).
"""

from __future__ import annotations

import torch

from studio.diffusion.denoisers import Denoiser
from studio.diffusion.forward import diffuse
from studio.diffusion.schedule import NoiseSchedule


def best_possible_loss(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    pictures: torch.Tensor,
    levels: int = 200,
    draws: int = 64,
    seed: int = 0,
) -> float:
    """The mean over t of E‖ε̂ − ε‖² per value, by Monte Carlo: `draws` noisy pictures at each of `levels` t, one from
    each of as many equal parts of 0..T−1.

    denoiser: an exact one. pictures: (M, C, H, W) in −1..1, from which it was made.
    """
    generator = torch.Generator().manual_seed(seed)
    levels = min(levels, schedule.step_count)
    total = 0.0
    for level in range(levels):
        offset = float(torch.rand((), generator=generator))
        t = min(int((level + offset) * schedule.step_count / levels), schedule.step_count - 1)
        x = pictures[torch.randint(len(pictures), (draws,), generator=generator)].to(torch.float64)
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        eps = denoiser.predict(diffuse(schedule, x, t, noise), t).eps
        total += float((eps - noise).square().mean())
    return total / levels
