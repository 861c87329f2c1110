from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.diffusion.parameterization import Parameterization
from studio.diffusion.schedule import make_schedule
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.points import PointConfig


@pytest.fixture
def bundle() -> ModelBundle:
    """A small untrained model of pictures of 3×2 pixels, with every optional part present."""
    config = PointConfig(channels=1, height=2, width=3, hidden=8, blocks=1)
    state = build_network(config, seed=3).state_dict()
    # The last layer of a new network is zero; pictures of such a model would not depend on its weights.
    torch.nn.init.normal_(state["output.weight"], generator=torch.Generator().manual_seed(0))
    return ModelBundle(
        network_config=config,
        state=state,
        schedule=make_schedule("cosine", 20),
        parameterization=Parameterization.V,
        shape=(1, 2, 3),
        name="Grüße",
        history={"images_seen": 640, "losses": [[320, 0.5], [640, 0.25]]},
        preview=np.random.default_rng(0).integers(0, 256, (5, 2, 3, 1), dtype=np.uint8),
    )
