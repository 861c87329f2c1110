"""What a person may change about a preset's network without knowing what a U-Net is: width, depth, attention."""

from __future__ import annotations

from dataclasses import replace

from studio.errors import SettingsError
from studio.networks.config import NetworkConfig
from studio.networks.points import PointConfig
from studio.networks.stem import SpaceToDepthConfig
from studio.networks.unet import UNetConfig

WIDTH_STEP = 8
LARGEST_WIDTH = 256
MOST_LAYERS = 6

ATTENTION = (("preset", "as the intent has it"), ("none", "nowhere"), ("lowest", "at the lowest resolution"))
"""Where the network may compare places of a picture with each other."""


def width_of(config: NetworkConfig) -> int:
    """Channels of a U-Net's first level, or the width of the small network's layers."""
    if isinstance(config, PointConfig):
        return config.hidden
    return core_of(config).block_out_channels[0]


def layers_of(config: NetworkConfig) -> int:
    """Residual blocks a level, or all blocks of the small network."""
    return config.blocks if isinstance(config, PointConfig) else core_of(config).layers_per_block


def core_of(config: UNetConfig | SpaceToDepthConfig) -> UNetConfig:
    """The U-Net itself."""
    return config.core if isinstance(config, SpaceToDepthConfig) else config


def with_width(config: NetworkConfig, width: int) -> NetworkConfig:
    """The same network, wider or narrower; all levels keep their ratio to the first.

    A width that the group norms cannot divide becomes the nearest that they can.
    """
    if width == width_of(config):
        return config
    if isinstance(config, PointConfig):
        return replace(config, hidden=width)
    return _with_core(config, _wide_unet(core_of(config), width))


def with_layers(config: NetworkConfig, layers: int) -> NetworkConfig:
    """The same network, deeper or shallower."""
    if layers == layers_of(config):
        return config
    if isinstance(config, PointConfig):
        return replace(config, blocks=layers)
    return _with_core(config, replace(core_of(config), layers_per_block=layers))


def with_attention(config: NetworkConfig, where: str) -> NetworkConfig:
    """The same network with attention there: a value of `ATTENTION`. The small network has none.

    Raises SettingsError for another value.
    """
    if where not in dict(ATTENTION):
        raise SettingsError(f"There is no attention {where!r}.", f"Choose one of: {', '.join(dict(ATTENTION))}.")
    if where == "preset" or isinstance(config, PointConfig):
        return config
    core = core_of(config)
    levels = len(core.block_out_channels)
    down, up = ["DownBlock2D"] * levels, ["UpBlock2D"] * levels
    if where == "lowest":
        down[-1], up[0] = "AttnDownBlock2D", "AttnUpBlock2D"
    return _with_core(
        config,
        replace(core, down_block_types=tuple(down), up_block_types=tuple(up), add_attention=where == "lowest"),
    )


def _with_core(config: UNetConfig | SpaceToDepthConfig, core: UNetConfig) -> UNetConfig | SpaceToDepthConfig:
    return replace(config, core=core) if isinstance(config, SpaceToDepthConfig) else core


def _wide_unet(config: UNetConfig, width: int) -> UNetConfig:
    width = max(WIDTH_STEP, round(width / WIDTH_STEP) * WIDTH_STEP)
    first = config.block_out_channels[0]
    channels = tuple(width * (level // first) for level in config.block_out_channels)
    head = config.attention_head_dim
    # A head must divide the channels it looks at; without the number there is one head over all of them.
    fits = head is not None and channels[-1] % head == 0
    return replace(config, block_out_channels=channels, attention_head_dim=head if fits else None)
