"""What a step asks of the network: which noise levels, and whether it is told what is on the pictures."""

from __future__ import annotations

import torch
from torch import Tensor


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


def drop_classes(labels: Tensor, share: float, no_class: int, generator: torch.Generator) -> Tensor:
    """`labels`, int64 (N,), with `no_class` in place of each at random, with a probability of `share` in [0, 1].

    A network that is trained so knows both the pictures of each class and all pictures together, which is what
    classifier-free guidance leans between (Ho and Salimans, arXiv 2207.12598, algorithm 1).
    """
    dropped = torch.rand(labels.shape, generator=generator, device=labels.device) < share
    return torch.where(dropped, no_class, labels)
