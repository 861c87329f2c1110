"""Network configurations travel as JSON and come back equal, or are refused with a sentence."""

from __future__ import annotations

import dataclasses
import json

import pytest

from studio.errors import ModelFileError
from studio.networks import (
    PointConfig,
    SpaceToDepthConfig,
    UNetConfig,
    build_network,
    choose_network,
    label_count,
    network_from_json,
    network_to_json,
    parameter_count,
    state_shapes,
)

SMALL = UNetConfig(
    in_channels=4,
    out_channels=4,
    sample_size=(8, 8),
    block_out_channels=(8, 16),
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    norm_num_groups=4,
    num_class_embeds=10,
    dropout=0.1,
)
CONFIGS = [
    SMALL,
    SpaceToDepthConfig(channels=1, core=SMALL),
    PointConfig(channels=1, height=1, width=2),
    choose_network(28, 28, 1),
    choose_network(64, 64, 4, "patient"),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_json_and_back(config) -> None:
    back = network_from_json(json.loads(json.dumps(network_to_json(config))))
    assert back == config
    assert type(back) is type(config)


@pytest.mark.parametrize("config", CONFIGS[:3])
def test_counts_and_shapes_are_those_of_the_built_network(config) -> None:
    network = build_network(config)
    assert parameter_count(config) == parameter_count(network) == sum(p.numel() for p in network.parameters())
    assert state_shapes(config) == {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def test_missing_fields_take_the_class_defaults() -> None:
    assert network_from_json({"network": "unet"}) == UNetConfig()


def test_label_count() -> None:
    assert label_count(SMALL) == 10
    assert label_count(SpaceToDepthConfig(channels=1, core=SMALL)) == 10
    assert label_count(PointConfig(channels=1, height=1, width=2)) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"network": "transformer"},
        {"network": ["unet"]},
        {"network": "unet", "layers": 2},
        {"network": "unet", "in_channels": "3"},
        {"network": "unet", "in_channels": 3.0},
        {"network": "unet", "in_channels": True},
        {"network": "unet", "flip_sin_to_cos": 1},
        {"network": "unet", "block_out_channels": [224, "448", 672, 896]},
        {"network": "unet", "block_out_channels": [224, 448]},
        {"network": "unet", "block_out_channels": 224},
        {"network": "unet", "sample_size": [1, 2, 3]},
        {"network": "unet", "norm_eps": float("nan")},
        {"network": "unet", "act_fn": "mish"},
        {"network": "unet", "block_out_channels": [10**9] * 4},
        {"network": "points", "channels": 1},
        {"network": "points", "channels": 1, "height": 1, "width": 10**6},
        {"network": "space_to_depth", "channels": 1},
        {"network": "space_to_depth", "channels": 1, "core": "unet"},
        {"network": "space_to_depth", "channels": 2, "core": {"in_channels": 4, "out_channels": 4}},
        {"network": "space_to_depth", "channels": 1, "core": {"in_channels": "4"}},
    ],
)
def test_damaged_and_foreign_descriptions_are_refused(content) -> None:
    with pytest.raises(ModelFileError):
        network_from_json(content)


def test_every_field_is_written() -> None:
    assert set(network_to_json(SMALL)) == {"network", *(field.name for field in dataclasses.fields(UNetConfig))}
