"""The architecture of the U-Net as plain values, named as in diffusers' UNet2DModel, and what of it can be built."""

from __future__ import annotations

from dataclasses import dataclass

from studio.errors import SettingsError

_DOWN_TYPES = ("DownBlock2D", "AttnDownBlock2D")
_UP_TYPES = ("UpBlock2D", "AttnUpBlock2D")
_MAY_BE_NONE = ("time_embedding_dim", "attention_head_dim", "attn_norm_num_groups", "num_class_embeds")
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


def _check(config: UNetConfig) -> None:
    levels = len(config.block_out_channels)
    if not 1 <= levels <= _LARGEST["levels"]:
        raise SettingsError(f"A U-Net of {levels} levels was asked for.", f"Choose 1 to {_LARGEST['levels']} levels.")
    if not len(config.down_block_types) == len(config.up_block_types) == levels:
        raise SettingsError("The U-Net's lists of channels, down blocks and up blocks differ in length.")
    _check_choices(config)
    _check_whole_numbers(config)
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


def _check_choices(config: UNetConfig) -> None:
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


def _check_whole_numbers(config: UNetConfig) -> None:
    whole = (
        *(("block_out_channels", value, _LARGEST["channels"]) for value in config.block_out_channels),
        ("in_channels", config.in_channels, _LARGEST["channels"]),
        ("out_channels", config.out_channels, _LARGEST["channels"]),
        ("layers_per_block", config.layers_per_block, _LARGEST["layers"]),
        ("norm_num_groups", config.norm_num_groups, _LARGEST["channels"]),
        ("time_embedding_dim", config.time_embedding_dim, 4 * _LARGEST["channels"]),
        ("attention_head_dim", config.attention_head_dim, _LARGEST["channels"]),
        ("attn_norm_num_groups", config.attn_norm_num_groups, _LARGEST["channels"]),
        ("num_class_embeds", config.num_class_embeds, _LARGEST["classes"]),
    )
    for name, value, largest in whole:
        if value is None and name in _MAY_BE_NONE:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
            raise SettingsError(f"The U-Net's {name} is {value!r}.", f"Choose a whole number from 1 to {largest:,}.")
