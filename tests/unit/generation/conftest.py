"""A model of 8×8 pictures for everything that makes some."""

from __future__ import annotations

import pytest
import torch

from studio.diffusion.parameterization import Parameterization
from studio.diffusion.schedule import make_schedule
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.unet import UNetConfig


def small_bundle(class_names: tuple[str, ...] = ()) -> ModelBundle:
    """A U-Net of 8×8 grey pictures with weights large enough that they matter; with a "no class" label of its own."""
    config = UNetConfig(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        num_class_embeds=len(class_names) + 1 if class_names else None,
    )
    state = build_network(config).state_dict()
    generator = torch.Generator().manual_seed(0)
    for name, weight in state.items():
        # These begin at zero, which would leave the time and the class without any effect.
        if name.endswith(("conv2.weight", "conv_out.weight")):
            torch.nn.init.normal_(weight, 0, 0.05, generator=generator)
    return ModelBundle(config, state, make_schedule("cosine", 100), Parameterization.V, (1, 8, 8), class_names)


@pytest.fixture(scope="session")
def bundle() -> ModelBundle:
    """A model without classes."""
    return small_bundle()


@pytest.fixture(scope="session")
def class_bundle() -> ModelBundle:
    """A model of two classes."""
    return small_bundle(("cat", "dog"))
