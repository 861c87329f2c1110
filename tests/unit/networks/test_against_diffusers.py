"""The U-Net is diffusers' UNet2DModel: same keys, weights go both ways, same numbers."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
import torch
from diffusers import UNet2DModel

from studio.networks import SpaceToDepthConfig, UNet, UNetConfig, build_network

CONFIGS = {
    "class defaults, narrower": {"block_out_channels": (32, 32, 64, 64)},
    "google/ddpm-cifar10-32, narrower": {
        "block_out_channels": (32, 64, 64, 64),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": None,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
        "sample_size": 32,
    },
    "classes, scale and shift, one channel": {
        "in_channels": 1,
        "out_channels": 1,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 8,
        "layers_per_block": 1,
        "num_class_embeds": 5,
        "resnet_time_scale_shift": "scale_shift",
    },
    "everything unusual": {
        "in_channels": 4,
        "out_channels": 2,
        "block_out_channels": (16, 24, 32),
        "down_block_types": ("AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D"),
        "norm_num_groups": 4,
        "attention_head_dim": 4,
        "attn_norm_num_groups": 16,
        "resnet_time_scale_shift": "scale_shift",
        "center_input_sample": True,
        "mid_block_scale_factor": 1.5,
        "time_embedding_dim": 20,
        "layers_per_block": 3,
    },
    "no middle": {"block_out_channels": (32,), "down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    | {"mid_block_type": None},
    "no attention in the middle": {"block_out_channels": (32, 32), "add_attention": False}
    | {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2},
}


def randomised(network: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            # Away from the first weights, so that every one of them shows in the output.
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    return network.eval()


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def options(request: pytest.FixtureRequest) -> dict:
    return request.param


def test_same_keys_and_same_numbers(options: dict) -> None:
    theirs = randomised(UNet2DModel(**options))
    ours = UNet(UNetConfig(**options)).eval()
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    generator = torch.Generator().manual_seed(4)
    z = torch.randn(3, ours.config.in_channels, 16, 8, generator=generator)
    t = torch.tensor([0, 417, 999])
    labels = None if ours.config.num_class_embeds is None else torch.tensor([0, 4, 2])
    with torch.no_grad():
        expected = theirs(z, t, labels).sample
        found = ours(z, t, labels)
    assert expected.std() > 0.01
    assert (found - expected).abs().max() < 1e-5


def test_our_weights_load_into_theirs(options: dict) -> None:
    ours = randomised(UNet(UNetConfig(**options)))
    theirs = UNet2DModel(**options).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    z = torch.randn(1, ours.config.in_channels, 16, 16, generator=torch.Generator().manual_seed(5))
    t = torch.tensor([7])
    labels = None if ours.config.num_class_embeds is None else torch.tensor([1])
    with torch.no_grad():
        assert (ours(z, t, labels) - theirs(z, t, labels).sample).abs().max() < 1e-5


def test_the_configuration_has_their_fields_and_their_defaults() -> None:
    theirs = {
        name: parameter.default
        for name, parameter in inspect.signature(UNet2DModel.__init__).parameters.items()
        if name != "self"
    }
    ours = {field.name: field.default for field in dataclasses.fields(UNetConfig)}
    assert ours == theirs


def test_the_core_of_a_space_to_depth_network_is_their_model() -> None:
    options = {
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (16, 16),
        "down_block_types": ("DownBlock2D",) * 2,
        "up_block_types": ("UpBlock2D",) * 2,
        "norm_num_groups": 8,
    }
    ours = randomised(build_network(SpaceToDepthConfig(channels=1, core=UNetConfig(**options))))
    theirs = UNet2DModel(**options).eval()
    state = {key.removeprefix("core."): tensor for key, tensor in ours.state_dict().items()}
    assert all(key.startswith("core.") for key in ours.state_dict())
    theirs.load_state_dict(state, strict=True)
    z, t = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 600])
    with torch.no_grad():
        folded = theirs(torch.nn.functional.pixel_unshuffle(z, 2), t).sample
        assert (torch.nn.functional.pixel_shuffle(folded, 2) - ours(z, t)).abs().max() < 1e-5
