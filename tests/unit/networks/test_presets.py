"""Every size of picture gets a network that fits it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import SettingsError
from studio.networks import (
    PRESETS,
    PointConfig,
    SpaceToDepthConfig,
    UNetConfig,
    build_network,
    choose_network,
    label_count,
    parameter_count,
)
from studio.networks.presets import with_classes


@pytest.mark.parametrize("side", [8, 16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("preset", PRESETS)
def test_usual_sizes(side: int, channels: int, preset: str) -> None:
    config = choose_network(side, side, channels, preset)
    assert isinstance(config, UNetConfig if side == 8 else SpaceToDepthConfig)
    core = config if isinstance(config, UNetConfig) else config.core
    assert not any("Attn" in kind for kind in core.down_block_types + core.up_block_types)
    assert core.add_attention
    z = torch.zeros(1, channels, side, side)
    if preset == "sketch":
        assert build_network(config)(z, torch.tensor([3])).shape == z.shape


@settings(max_examples=25)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3, 4]))
def test_any_size(height: int, width: int, channels: int) -> None:
    config = choose_network(height, width, channels, "sketch")
    if height * width * channels <= 8:
        assert config == PointConfig(channels=channels, height=height, width=width, hidden=64)
    z = torch.zeros(1, channels, height, width)
    with torch.no_grad():
        assert build_network(config)(z, torch.tensor([3])).shape == z.shape


def test_the_default_for_small_pictures_is_small() -> None:
    assert parameter_count(choose_network(28, 28, 1)) < 1_000_000
    assert parameter_count(choose_network(16, 16, 3)) < 1_000_000
    assert parameter_count(choose_network(1, 2, 1)) < 200_000


def test_presets_grow() -> None:
    sizes = [parameter_count(choose_network(28, 28, 1, preset)) for preset in ("sketch", "good", "patient")]
    assert sizes == sorted(sizes)
    assert tuple(PRESETS) == ("sketch", "good", "patient")
    assert choose_network(28, 28, 1) == choose_network(28, 28, 1, "good")


def test_large_pictures_are_folded_further() -> None:
    assert choose_network(128, 128, 3).factor == 2
    assert choose_network(256, 256, 3).factor == 4
    assert choose_network(512, 200, 3).factor == 8
    assert parameter_count(choose_network(512, 512, 3)) < 5_000_000


@pytest.mark.parametrize(
    ("size", "named"),
    [((8, 8, 2, "good"), "2 channels"), ((0, 8, 1, "good"), "8 × 0"), ((8, 8, 1, "huge"), "'huge'.*sketch, good")],
)
def test_what_is_not_possible_is_named(size: tuple, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        choose_network(*size)


@pytest.mark.parametrize("size", [(1, 2, 1), (8, 8, 1), (16, 16, 3)])
def test_classes_come_with_a_label_for_none(size: tuple[int, int, int]) -> None:
    plain, config = choose_network(*size, "sketch"), choose_network(*size, "sketch", class_count=4)
    assert (label_count(plain), label_count(config)) == (None, 5)
    assert with_classes(plain, 4) == config
    assert with_classes(config, None) == plain
    assert with_classes(config, 9) == with_classes(plain, 9)
    height, width, channels = size
    network = build_network(config)
    for parameter in network.parameters():
        # A new network puts out 0 whatever it is told.
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(parameter.numel()))
    z = torch.ones(5, channels, height, width)
    with torch.no_grad():
        answers = network(z, torch.full((5,), 3), class_labels=torch.arange(5))
    assert all(not torch.equal(answers[i], answers[j]) for i in range(5) for j in range(i))


@pytest.mark.parametrize("class_count", [0, -1, 1_000_000])
def test_an_impossible_number_of_classes_is_named(class_count: int) -> None:
    for size in [(1, 2, 1), (8, 8, 1), (16, 16, 3)]:
        with pytest.raises(SettingsError, match=r"classes|num_class_embeds"):
            choose_network(*size, class_count=class_count)
