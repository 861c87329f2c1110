"""The exponential moving average of the weights: what is sampled from and kept.

The half-life is counted in pictures, not in steps, so that it means the same at every batch size, and early on it is
a share of the pictures seen so far (Karras et al., 2022, training loop of EDM): the average follows closely
while the weights still move fast, and samples drawn after seconds already show what was learned.
"""

from __future__ import annotations

import copy

import torch
from torch import nn


def ema_decay(batch_size: int, images_seen: int, halflife_images: float, rampup_ratio: float) -> float:
    """The share of the old average that is kept in one step, in [0, 1).

    `images_seen` counts the pictures including this step's batch. A half-life of 0 keeps nothing: the average is
    then the weights themselves.
    """
    halflife = min(halflife_images, images_seen * rampup_ratio)
    return 0.5 ** (batch_size / halflife) if halflife > 0 else 0.0


class AveragedNetwork:
    """A copy of a network whose weights are the moving average of the original's.

    `network` is that copy: in eval mode, without gradients, on the same device. It has its own memory.
    """

    def __init__(self, source: nn.Module, halflife_images: float, rampup_ratio: float) -> None:
        self.network = copy.deepcopy(source).eval().requires_grad_(False)
        self.halflife_images = halflife_images
        self.rampup_ratio = rampup_ratio
        self._averages = list(self.network.parameters())
        self._weights = [parameter.detach() for parameter in source.parameters()]
        self._copied = list(self.network.buffers())
        self._buffers = list(source.buffers())

    @torch.no_grad()
    def update(self, batch_size: int, images_seen: int) -> None:
        """Follow the source by one step; call it after the optimizer's step."""
        decay = ema_decay(batch_size, images_seen, self.halflife_images, self.rampup_ratio)
        torch._foreach_lerp_(self._averages, self._weights, 1.0 - decay)
        for average, buffer in zip(self._copied, self._buffers, strict=True):
            average.copy_(buffer)
