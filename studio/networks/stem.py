"""A U-Net that works on pictures folded into fewer, deeper pixels: four times less to compute, nothing lost.

    (C, H, W) → space to depth → (C·f², H/f, W/f) → U-Net → depth to space → (C, H, W)

Space to depth (pixel unshuffle) is a permutation, so the first convolution still sees every pixel; see Shi et al.,
arXiv 1609.05158, for its inverse. Pictures whose sides are no multiple of f are padded by repeating their edge, right
and below, and cut back afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from studio.errors import SettingsError
from studio.networks.unet import UNet, UNetConfig


@dataclass(frozen=True)
class SpaceToDepthConfig:
    """channels: of the pictures. factor: f. core: the U-Net within, of channels·f² inputs and outputs.

    Raises SettingsError when the core does not fit.
    """

    channels: int
    core: UNetConfig
    factor: int = 2

    def __post_init__(self) -> None:
        if isinstance(self.factor, bool) or not isinstance(self.factor, int) or not 2 <= self.factor <= 8:
            raise SettingsError(f"The space-to-depth factor is {self.factor!r}.", "Choose a whole number from 2 to 8.")
        folded = self.channels * self.factor**2
        if not self.core.in_channels == self.core.out_channels == folded:
            raise SettingsError(
                f"The inner U-Net takes {self.core.in_channels} and gives {self.core.out_channels} channels.",
                f"With {self.channels} channels folded {self.factor}-fold it needs {folded} for both.",
            )


class SpaceToDepthUNet(nn.Module):
    """network(z, t, class_labels=None) as `UNet`; its state dict is the U-Net's with "core." before every key."""

    def __init__(self, config: SpaceToDepthConfig) -> None:
        super().__init__()
        self.config = config
        self.core = UNet(config.core)

    def forward(self, z: torch.Tensor, t: torch.Tensor, class_labels: torch.Tensor | None = None) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, H, W) for any H and W."""
        factor = self.config.factor
        height, width = z.shape[2:]
        below, right = -height % factor, -width % factor
        if below or right:
            z = F.pad(z, (0, right, 0, below), mode="replicate")
        h = self.core(F.pixel_unshuffle(z, factor), t, class_labels)
        return F.pixel_shuffle(h, factor)[:, :, :height, :width].contiguous()
