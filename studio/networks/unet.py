"""The U-Net of Ho et al. (arXiv 2006.11239, appendix B), with the state dict and the numbers of diffusers' UNet2DModel.

    conv_in → down blocks, each (residual [+ attention])×n, halve → middle → up blocks, each takes the skips of its
    level, (residual [+ attention])×(n+1), double → norm, SiLU, conv_out

Beyond diffusers it takes pictures of any height and width: a side that does not halve evenly is rounded up on the way
down and cut back to its skip on the way up. Where diffusers works at all the numbers are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from studio.errors import SettingsError
from studio.networks.blocks import Attention, Downsample, ResidualBlock, TimeEmbedding, Upsample

_DOWN_TYPES = ("DownBlock2D", "AttnDownBlock2D")
_UP_TYPES = ("UpBlock2D", "AttnUpBlock2D")
_LARGEST = {"levels": 8, "channels": 4096, "layers": 16, "classes": 1_000_000}


@dataclass(frozen=True)
class UNetConfig:
    """The architecture, with diffusers' field names, meanings and class defaults.

    sample_size only says what the network was meant for. attention_head_dim None means one head over all channels.
    mid_block_type None leaves the middle out.

    Raises SettingsError when the fields contradict each other or ask for a part that does not exist here.
    """

    sample_size: int | tuple[int, int] | None = None
    in_channels: int = 3
    out_channels: int = 3
    center_input_sample: bool = False
    time_embedding_type: str = "positional"
    time_embedding_dim: int | None = None
    freq_shift: int = 0
    flip_sin_to_cos: bool = True
    down_block_types: tuple[str, ...] = ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D")
    mid_block_type: str | None = "UNetMidBlock2D"
    up_block_types: tuple[str, ...] = ("AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D")
    block_out_channels: tuple[int, ...] = (224, 448, 672, 896)
    layers_per_block: int = 2
    mid_block_scale_factor: float = 1
    downsample_padding: int = 1
    downsample_type: str = "conv"
    upsample_type: str = "conv"
    dropout: float = 0.0
    act_fn: str = "silu"
    attention_head_dim: int | None = 8
    norm_num_groups: int = 32
    attn_norm_num_groups: int | None = None
    norm_eps: float = 1e-5
    resnet_time_scale_shift: str = "default"
    add_attention: bool = True
    class_embed_type: str | None = None
    num_class_embeds: int | None = None
    num_train_timesteps: int | None = None

    def __post_init__(self) -> None:
        for name in ("down_block_types", "up_block_types", "block_out_channels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if isinstance(self.sample_size, list):
            object.__setattr__(self, "sample_size", tuple(self.sample_size))
        _check(self)


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
            _attention(config, out) for _ in range(config.layers_per_block if attention else 0)
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
            [_attention(config, channels, groups=_mid_groups(config), scale=scale)] if config.add_attention else []
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
        self.attentions = nn.ModuleList(_attention(config, out) for _ in range(layers if attention else 0))
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


_SAME_AS_RESIDUAL = -1


def _attention(
    config: UNetConfig, channels: int, groups: int | None = _SAME_AS_RESIDUAL, scale: float = 1.0
) -> Attention:
    return Attention(
        channels,
        config.attention_head_dim or channels,
        groups=config.norm_num_groups if groups == _SAME_AS_RESIDUAL else groups,
        eps=config.norm_eps,
        output_scale=float(scale),
    )


def _mid_groups(config: UNetConfig) -> int | None:
    if config.attn_norm_num_groups is not None:
        return config.attn_norm_num_groups
    return config.norm_num_groups if config.resnet_time_scale_shift == "default" else None


def _check(config: UNetConfig) -> None:
    levels = len(config.block_out_channels)
    if not 1 <= levels <= _LARGEST["levels"]:
        raise SettingsError(f"A U-Net of {levels} levels was asked for.", f"Choose 1 to {_LARGEST['levels']} levels.")
    if not len(config.down_block_types) == len(config.up_block_types) == levels:
        raise SettingsError("The U-Net's lists of channels, down blocks and up blocks differ in length.")
    choices = (
        ("down_block_types", config.down_block_types, _DOWN_TYPES),
        ("up_block_types", config.up_block_types, _UP_TYPES),
        ("mid_block_type", (config.mid_block_type,), ("UNetMidBlock2D", None)),
        ("time_embedding_type", (config.time_embedding_type,), ("positional",)),
        ("downsample_type", (config.downsample_type,), ("conv",)),
        ("upsample_type", (config.upsample_type,), ("conv",)),
        ("act_fn", (config.act_fn,), ("silu", "swish")),
        ("resnet_time_scale_shift", (config.resnet_time_scale_shift,), ("default", "scale_shift")),
        ("class_embed_type", (config.class_embed_type,), (None,)),
        ("downsample_padding", (config.downsample_padding,), (0, 1)),
    )
    for name, values, known in choices:
        for value in values:
            if value not in known:
                raise SettingsError(
                    f"This kind of U-Net is not known here: {name} is {value!r}.",
                    f"Known are: {', '.join(str(item) for item in known)}.",
                )
    whole = (
        *(("block_out_channels", value, _LARGEST["channels"]) for value in config.block_out_channels),
        ("in_channels", config.in_channels, _LARGEST["channels"]),
        ("out_channels", config.out_channels, _LARGEST["channels"]),
        ("layers_per_block", config.layers_per_block, _LARGEST["layers"]),
        ("norm_num_groups", config.norm_num_groups, _LARGEST["channels"]),
        ("time_embedding_dim", config.time_embedding_dim or 1, 4 * _LARGEST["channels"]),
        ("attention_head_dim", config.attention_head_dim or 1, _LARGEST["channels"]),
        ("attn_norm_num_groups", config.attn_norm_num_groups or 1, _LARGEST["channels"]),
        ("num_class_embeds", config.num_class_embeds or 1, _LARGEST["classes"]),
    )
    for name, value, largest in whole:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
            raise SettingsError(f"The U-Net's {name} is {value!r}.", f"Choose a whole number from 1 to {largest:,}.")
    for channels in config.block_out_channels:
        if channels % config.norm_num_groups:
            raise SettingsError(
                f"{channels} channels cannot be normalised in {config.norm_num_groups} groups.",
                "Choose channels that are a multiple of norm_num_groups.",
            )
        if config.attention_head_dim is not None and config.attention_head_dim > channels:
            raise SettingsError(f"An attention head of {config.attention_head_dim} does not fit {channels} channels.")
    if config.block_out_channels[-1] % (config.attn_norm_num_groups or 1):
        raise SettingsError(
            f"The U-Net's attn_norm_num_groups is {config.attn_norm_num_groups}, which does not divide "
            f"{config.block_out_channels[-1]} channels."
        )
    if not 0 <= config.freq_shift < config.block_out_channels[0] // 2:
        raise SettingsError(f"The U-Net's freq_shift is {config.freq_shift!r}.", "Choose 0 or 1.")
    if not (config.norm_eps > 0 and config.mid_block_scale_factor > 0):
        raise SettingsError("The U-Net's norm_eps and mid_block_scale_factor must be greater than 0.")
    if not 0.0 <= config.dropout < 1.0:
        raise SettingsError(f"The U-Net's dropout is {config.dropout!r}.", "Choose a number from 0 up to 1.")
