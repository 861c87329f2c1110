"""The U-Net of Ho et al. (arXiv 2006.11239, appendix B), with the state dict and the numbers of diffusers' UNet2DModel.

    conv_in → down blocks, each (residual [+ attention])×n, halve → middle → up blocks, each takes the skips of its
    level, (residual [+ attention])×(n+1), double → norm, SiLU, conv_out

Beyond diffusers it takes pictures of any height and width: a side that does not halve evenly is rounded up on the way
down and cut back to its skip on the way up. Where diffusers works at all the numbers are the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from studio.networks.blocks import Attention, Downsample, ResidualBlock, TimeEmbedding, Upsample
from studio.networks.unet_config import UNetConfig

__all__ = ["UNet", "UNetConfig"]


class UNet(nn.Module):
    """network(z, t, class_labels=None): z (N, C, H, W), t int64 (N,) 0-based, class_labels int64 (N,)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.block_out_channels
        time_channels = config.time_embedding_dim or 4 * channels[0]
        self.conv_in = nn.Conv2d(config.in_channels, channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(
            channels[0], time_channels, flip_sin_to_cos=config.flip_sin_to_cos, freq_shift=config.freq_shift
        )
        self.class_embedding = (
            nn.Embedding(config.num_class_embeds, time_channels) if config.num_class_embeds is not None else None
        )
        last = len(channels) - 1
        self.down_blocks = nn.ModuleList(
            DownBlock(config, channels[max(i - 1, 0)], channels[i], time_channels, "Attn" in kind, halve=i < last)
            for i, kind in enumerate(config.down_block_types)
        )
        self.mid_block = MidBlock(config, channels[-1], time_channels) if config.mid_block_type else None
        deepest_first = channels[::-1]
        self.up_blocks = nn.ModuleList(
            UpBlock(
                config,
                previous=deepest_first[max(i - 1, 0)],
                skip=deepest_first[min(i + 1, last)],
                out=deepest_first[i],
                time_channels=time_channels,
                attention="Attn" in kind,
                double=i < last,
            )
            for i, kind in enumerate(config.up_block_types)
        )
        self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, channels[0], eps=config.norm_eps)
        self.conv_out = nn.Conv2d(channels[0], config.out_channels, 3, padding=1)

    def forward(self, z: torch.Tensor, t: torch.Tensor, class_labels: torch.Tensor | None = None) -> torch.Tensor:
        """(N, out_channels, H, W). Raises ValueError when class labels are missing, or given without classes."""
        if (class_labels is None) != (self.class_embedding is None):
            raise ValueError("class labels must be given exactly when the network knows classes")
        if self.config.center_input_sample:
            z = 2 * z - 1
        time = self.time_embedding(t)
        if self.class_embedding is not None:
            time = time + self.class_embedding(class_labels)
        h = self.conv_in(z)
        skips = [h]
        for block in self.down_blocks:
            h = block(h, time, skips)
        if self.mid_block is not None:
            h = self.mid_block(h, time)
        for block in self.up_blocks:
            h = block(h, time, skips)
        return self.conv_out(F.silu(self.conv_norm_out(h)))


class DownBlock(nn.Module):
    """One level on the way down; appends what the way up will need to `skips`."""

    def __init__(
        self, config: UNetConfig, in_channels: int, out: int, time_channels: int, attention: bool, *, halve: bool
    ) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(
            _attention(config, out, config.norm_num_groups) for _ in range(config.layers_per_block if attention else 0)
        )
        self.resnets = nn.ModuleList(
            _residual(config, in_channels if j == 0 else out, out, time_channels)
            for j in range(config.layers_per_block)
        )
        self.downsamplers = nn.ModuleList([Downsample(out, config.downsample_padding)] if halve else [])

    def forward(self, h: torch.Tensor, time: torch.Tensor, skips: list[torch.Tensor]) -> torch.Tensor:
        for j, resnet in enumerate(self.resnets):
            h = resnet(h, time)
            if self.attentions:
                h = self.attentions[j](h)
            skips.append(h)
        for downsampler in self.downsamplers:
            h = downsampler(h)
            skips.append(h)
        return h


class MidBlock(nn.Module):
    """The middle, at the lowest resolution: residual, attention, residual."""

    def __init__(self, config: UNetConfig, channels: int, time_channels: int) -> None:
        super().__init__()
        scale = config.mid_block_scale_factor
        self.attentions = nn.ModuleList(
            [_attention(config, channels, _mid_groups(config), scale)] if config.add_attention else []
        )
        self.resnets = nn.ModuleList(_residual(config, channels, channels, time_channels, scale) for _ in range(2))

    def forward(self, h: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        h = self.resnets[0](h, time)
        for attention in self.attentions:
            h = attention(h)
        return self.resnets[1](h, time)


class UpBlock(nn.Module):
    """One level on the way up; takes its skips from the end of `skips`."""

    def __init__(
        self,
        config: UNetConfig,
        *,
        previous: int,
        skip: int,
        out: int,
        time_channels: int,
        attention: bool,
        double: bool,
    ) -> None:
        super().__init__()
        layers = config.layers_per_block + 1
        self.attentions = nn.ModuleList(
            _attention(config, out, config.norm_num_groups) for _ in range(layers if attention else 0)
        )
        # The last skip of a level was made by the level above it, or by conv_in.
        self.resnets = nn.ModuleList(
            _residual(config, (previous if j == 0 else out) + (skip if j == layers - 1 else out), out, time_channels)
            for j in range(layers)
        )
        self.upsamplers = nn.ModuleList([Upsample(out)] if double else [])

    def forward(self, h: torch.Tensor, time: torch.Tensor, skips: list[torch.Tensor]) -> torch.Tensor:
        for j, resnet in enumerate(self.resnets):
            h = resnet(torch.cat([h, skips.pop()], dim=1), time)
            if self.attentions:
                h = self.attentions[j](h)
        for upsampler in self.upsamplers:
            h = upsampler(h, skips[-1].shape[2:])
        return h


def _residual(config: UNetConfig, in_channels: int, out: int, time_channels: int, scale: float = 1.0) -> ResidualBlock:
    return ResidualBlock(
        in_channels,
        out,
        time_channels,
        groups=config.norm_num_groups,
        eps=config.norm_eps,
        dropout=config.dropout,
        scale_shift=config.resnet_time_scale_shift == "scale_shift",
        output_scale=float(scale),
    )


def _attention(config: UNetConfig, channels: int, groups: int | None, scale: float = 1.0) -> Attention:
    return Attention(
        channels,
        config.attention_head_dim or channels,
        groups=groups,
        eps=config.norm_eps,
        output_scale=float(scale),
    )


def _mid_groups(config: UNetConfig) -> int | None:
    if config.attn_norm_num_groups is not None:
        return config.attn_norm_num_groups
    return config.norm_num_groups if config.resnet_time_scale_shift == "default" else None
