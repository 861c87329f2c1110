"""A network that suits the pictures and the patience, without the person having to know what a U-Net is.

On two CPU cores the smaller network wins for as long as minutes are counted, because it sees more pictures; folding the
picture before the U-Net and attention only at the lowest resolution cost little and save much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from studio.errors import SettingsError
from studio.networks.config import NetworkConfig
from studio.networks.points import PointConfig
from studio.networks.stem import SpaceToDepthConfig
from studio.networks.unet import UNetConfig

_GROUPS = 8
_LOWEST_SIDE = 4
_MOST_LEVELS = 5
_LARGEST_CORE = 64
_POINT_VALUES = 8


@dataclass(frozen=True)
class Preset:
    """A size of network.

    width: channels of the U-Net's first level. layers: its residual blocks a level. hidden: width of the small network.
    """

    name: str
    label: str
    description: str
    width: int
    layers: int
    hidden: int


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="sketch",
            label="Sketch",
            description="Small and quick: something to see within a minute.",
            width=24,
            layers=1,
            hidden=64,
        ),
        Preset(
            name="good",
            label="Good",
            description="Recognisable pictures within minutes on a computer without a graphics card.",
            width=32,
            layers=1,
            hidden=128,
        ),
        Preset(
            name="patient",
            label="Patient",
            description="Larger: finer pictures after hours, or with a graphics card.",
            width=64,
            layers=2,
            hidden=256,
        ),
    )
}


def choose_network(
    height: int, width: int, channels: int, preset: str = "good", class_count: int | None = None
) -> NetworkConfig:
    """A configuration for pictures of this size with 1, 3 or 4 channels, in `class_count` classes or in none.

    Up to 8 values a picture get the small network, sides below 16 a plain U-Net, all others a U-Net behind a
    space-to-depth stem.

    Raises SettingsError when the preset is unknown or the size or the number of classes is not possible.
    """
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset called {preset!r}.", f"Choose one of: {', '.join(PRESETS)}.")
    if channels not in (1, 3, 4):
        raise SettingsError(f"Pictures of {channels} channels are not possible.", "Choose 1, 3 or 4 channels.")
    if min(height, width) < 1:
        raise SettingsError(f"Pictures of {width} × {height} pixels are not possible.")
    chosen = PRESETS[preset]
    if height * width * channels <= _POINT_VALUES:
        return with_classes(PointConfig(channels, height, width, hidden=chosen.hidden), class_count)
    factor = _fold(height, width)
    side = -(-max(height, width) // factor)
    core = _core(side, channels * factor**2, chosen)
    config = core if factor == 1 else SpaceToDepthConfig(channels=channels, core=core, factor=factor)
    return with_classes(config, class_count)


def with_classes(config: NetworkConfig, class_count: int | None) -> NetworkConfig:
    """The same network for pictures in K = `class_count` classes, or in none when None.

    It is told one of K + 1 labels: the classes 0..K-1, and K, which means "no class" (Ho and Salimans, arXiv
    2207.12598). Raises SettingsError when K is not from 1 to 999,999.
    """
    if class_count is not None and class_count < 1:
        raise SettingsError(f"Pictures in {class_count} classes are not possible.", "Choose at least one class.")
    labels = None if class_count is None else class_count + 1
    if isinstance(config, SpaceToDepthConfig):
        return replace(config, core=replace(config.core, num_class_embeds=labels))
    return replace(config, num_class_embeds=labels)


def _fold(height: int, width: int) -> int:
    if min(height, width) < 16:
        return 1
    factor = 2
    while max(height, width) > factor * _LARGEST_CORE and factor < 8:
        factor *= 2
    return factor


def _core(side: int, channels: int, preset: Preset) -> UNetConfig:
    # Wide where pixels are few: there width costs little. Fine levels stay narrow.
    top, widths = side, [preset.width]
    while side > _LOWEST_SIDE and len(widths) < _MOST_LEVELS:
        side = -(-side // 2)
        widths.append(2 * preset.width if side <= max(top // 4, _LOWEST_SIDE) else preset.width)
    return UNetConfig(
        in_channels=channels,
        out_channels=channels,
        block_out_channels=tuple(widths),
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        layers_per_block=preset.layers,
        norm_num_groups=_GROUPS,
        attn_norm_num_groups=_GROUPS,
        attention_head_dim=None,
        resnet_time_scale_shift="scale_shift",
    )
