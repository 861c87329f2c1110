"""A small network for pictures of very few pixels, such as points of a plane: two-pixel pictures.

    e_t = W₂ silu(W₁ sinusoids(t)) [+ class]
    h = W z,     h ← h + B silu(A silu(norm h) + P silu(e_t)) for each block,     out = V silu(norm h)

A convolution has nothing to find there; residual fully connected layers (He et al., arXiv 1512.03385) with the time
embedding of Ho et al. do it. Every pixel is fed in, in the order channel, row, column.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from studio.errors import SettingsError
from studio.networks.blocks import TimeEmbedding

_LARGEST = {"channels": 64, "height": 64, "width": 64, "hidden": 4096, "blocks": 64, "num_class_embeds": 1_000_000}


@dataclass(frozen=True)
class PointConfig:
    """channels, height, width: of the pictures. hidden: width of the layers. blocks: how many residual blocks.

    Raises SettingsError when a number is not possible.
    """

    channels: int
    height: int
    width: int
    hidden: int = 128
    blocks: int = 3
    num_class_embeds: int | None = None

    def __post_init__(self) -> None:
        for name, largest in _LARGEST.items():
            value = getattr(self, name)
            if name == "num_class_embeds" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
                raise SettingsError(
                    f"The small network's {name} is {value!r}.", f"Choose a whole number from 1 to {largest:,}."
                )
        if self.hidden < 4:
            raise SettingsError(f"The small network's hidden is {self.hidden}.", "Choose at least 4.")


class PointNetwork(nn.Module):
    """network(z, t, class_labels=None): z (N, C, H, W) of the configured shape, t int64 (N,), 0-based."""

    def __init__(self, config: PointConfig) -> None:
        super().__init__()
        self.config = config
        values = config.channels * config.height * config.width
        self.input = nn.Linear(values, config.hidden)
        self.time_embedding = TimeEmbedding(config.hidden, config.hidden, flip_sin_to_cos=True, freq_shift=0)
        self.class_embedding = (
            nn.Embedding(config.num_class_embeds, config.hidden) if config.num_class_embeds is not None else None
        )
        self.blocks = nn.ModuleList(PointBlock(config.hidden) for _ in range(config.blocks))
        self.norm_out = nn.LayerNorm(config.hidden)
        self.output = nn.Linear(config.hidden, values)

    def forward(self, z: torch.Tensor, t: torch.Tensor, class_labels: torch.Tensor | None = None) -> torch.Tensor:
        """In the shape of z. Raises ValueError when class labels are missing, or given without classes."""
        if (class_labels is None) != (self.class_embedding is None):
            raise ValueError("class labels must be given exactly when the network knows classes")
        time = self.time_embedding(t)
        if self.class_embedding is not None:
            time = time + self.class_embedding(class_labels)
        time = F.silu(time)
        h = self.input(z.flatten(1))
        for block in self.blocks:
            h = block(h, time)
        return self.output(F.silu(self.norm_out(h))).view(z.shape)


class PointBlock(nn.Module):
    """One residual block of two linear layers with the time in between."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.linear_1 = nn.Linear(hidden, hidden)
        self.time_projection = nn.Linear(hidden, hidden)
        self.linear_2 = nn.Linear(hidden, hidden)

    def forward(self, h: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return h + self.linear_2(F.silu(self.linear_1(F.silu(self.norm(h))) + self.time_projection(time)))
