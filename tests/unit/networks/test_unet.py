"""The U-Net and its stem for pictures of any size, and what they refuse."""

from __future__ import annotations

import pytest
import torch

from studio.errors import SettingsError
from studio.networks import SpaceToDepthConfig, UNet, UNetConfig, build_network
from studio.networks.blocks import attend

SMALL = {
    "block_out_channels": (8, 8, 16),
    "down_block_types": ("DownBlock2D",) * 3,
    "up_block_types": ("UpBlock2D",) * 3,
    "norm_num_groups": 4,
    "layers_per_block": 1,
}


def live(config) -> torch.nn.Module:
    """A network whose silenced layers speak, so that every part shows in the output."""
    network = build_network(config, seed=1).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return network


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (7, 5), (28, 28), (3, 40), (33, 17)])
@pytest.mark.parametrize("padding", [0, 1])
def test_any_height_and_width(size: tuple[int, int], padding: int) -> None:
    network = live(UNetConfig(**SMALL, downsample_padding=padding))
    z = torch.randn(2, 3, *size)
    with torch.no_grad():
        assert network(z, torch.tensor([0, 999])).shape == z.shape


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (16, 16), (28, 28), (15, 21)])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("factor", [2, 4])
def test_any_height_and_width_behind_the_stem(size: tuple[int, int], channels: int, factor: int) -> None:
    folded = channels * factor**2
    core = UNetConfig(**SMALL, in_channels=folded, out_channels=folded)
    network = live(SpaceToDepthConfig(channels=channels, core=core, factor=factor))
    z = torch.randn(2, channels, *size)
    with torch.no_grad():
        output = network(z, torch.tensor([0, 999]))
    assert output.shape == z.shape
    assert output.is_contiguous()


def test_every_pixel_time_and_class_reaches_the_output() -> None:
    network = live(UNetConfig(**SMALL, num_class_embeds=3))
    z, t, label = torch.zeros(1, 3, 6, 7), torch.tensor([500]), torch.tensor([1])
    with torch.no_grad():
        base = network(z, t, label)
        for i in (0, 5):
            for j in (0, 6):
                changed = z.clone()
                changed[0, 0, i, j] = 1.0
                assert not torch.equal(network(changed, t, label), base)
        assert not torch.equal(network(z, t + 1, label), base)
        assert not torch.equal(network(z, t, label + 1), base)


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    network = live(UNetConfig(**SMALL))
    z, t = torch.randn(3, 3, 8, 8), torch.tensor([1, 50, 700])
    with torch.no_grad():
        together = network(z, t)
        for i in range(3):
            torch.testing.assert_close(network(z[i : i + 1], t[i : i + 1])[0], together[i], rtol=1e-5, atol=1e-5)


def test_class_labels_are_needed_exactly_when_there_are_classes() -> None:
    z, t = torch.zeros(1, 3, 8, 8), torch.tensor([0])
    with pytest.raises(ValueError, match="class labels"):
        UNet(UNetConfig(**SMALL))(z, t, torch.tensor([0]))
    with pytest.raises(ValueError, match="class labels"):
        UNet(UNetConfig(**SMALL, num_class_embeds=3))(z, t)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"block_out_channels": ()}, "0 levels"),
        ({"block_out_channels": (8, 8)}, "differ in length"),
        ({"down_block_types": ("DownBlock2D", "SkipDownBlock2D", "DownBlock2D")}, "SkipDownBlock2D"),
        ({"up_block_types": ("UpBlock2D", "UpBlock2D", "Up")}, "'Up'"),
        ({"mid_block_type": "UNetMidBlock2DCrossAttn"}, "UNetMidBlock2DCrossAttn"),
        ({"time_embedding_type": "fourier"}, "fourier"),
        ({"act_fn": "mish"}, "mish"),
        ({"resnet_time_scale_shift": "spatial"}, "spatial"),
        ({"class_embed_type": "identity"}, "identity"),
        ({"downsample_padding": 2}, "downsample_padding is 2"),
        ({"downsample_type": "resnet"}, "downsample_type"),
        ({"block_out_channels": (8, 8, 10)}, "10 channels"),
        ({"block_out_channels": (8, 8, 8192)}, "8192"),
        ({"layers_per_block": 0}, "layers_per_block is 0"),
        ({"in_channels": -1}, "in_channels is -1"),
        ({"in_channels": True}, "in_channels is True"),
        ({"attention_head_dim": 64}, "head of 64"),
        ({"attn_norm_num_groups": 5}, "attn_norm_num_groups is 5"),
        ({"freq_shift": 4}, "freq_shift is 4"),
        ({"norm_eps": 0.0}, "norm_eps"),
        ({"mid_block_scale_factor": 0}, "mid_block_scale_factor"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"num_class_embeds": 0}, "num_class_embeds"),
        ({"time_embedding_dim": 0}, "time_embedding_dim"),
    ],
)
def test_what_cannot_be_built_is_named(change: dict, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        UNetConfig(**(SMALL | change))


@pytest.mark.parametrize(("channels", "factor"), [(3, 2), (1, 4), (1, 1), (1, 9), (1, True)])
def test_a_core_that_does_not_fit_the_stem_is_refused(channels: int, factor: int) -> None:
    core = UNetConfig(**SMALL, in_channels=4, out_channels=4)
    with pytest.raises(SettingsError):
        SpaceToDepthConfig(channels=channels, core=core, factor=factor)


def test_lists_become_tuples_so_that_configurations_can_be_compared() -> None:
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in SMALL.items()}
    assert UNetConfig(**lists, sample_size=[8, 8]) == UNetConfig(**SMALL, sample_size=(8, 8))
    assert hash(UNetConfig(**lists)) == hash(UNetConfig(**SMALL))


@pytest.mark.parametrize("shape", [(2, 1, 16, 32), (3, 4, 49, 8), (1, 2, 300, 8)])
def test_attention_in_bfloat16_is_attention(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    q, k, v, gradient = (torch.randn(shape, generator=random) for _ in range(4))
    exact = [part.double().requires_grad_() for part in (q, k, v)]
    expected = torch.softmax(exact[0] @ exact[1].mT / shape[-1] ** 0.5, -1) @ exact[2]
    expected.backward(gradient.double())
    rough = [part.bfloat16().requires_grad_() for part in (q, k, v)]
    found = attend(*rough)
    assert found.dtype is torch.bfloat16
    found.backward(gradient.bfloat16())
    torch.testing.assert_close(found.double(), expected, rtol=0.02, atol=0.02)
    for one, other in zip(rough, exact, strict=True):
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=0.03, atol=0.03)
