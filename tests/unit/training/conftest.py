"""A run so small that a step takes a millisecond."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig
from studio.training.run import TrainingRun
from studio.training.settings import Budget, TrainingSettings

NETWORK = PointConfig(channels=1, height=1, width=2, hidden=16, blocks=1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def image_set() -> ImageSet:
    """Forty two-pixel pictures."""
    return ImageSet("points", np.random.default_rng(0).integers(0, 256, (40, 1, 2, 1), dtype=np.uint8))


@pytest.fixture
def make_run(image_set: ImageSet, tmp_path: Path) -> Callable[..., TrainingRun]:
    """Makes a new run in its own folder; settings are given by name, `data` and `network` replace the usual ones."""
    count = 0

    def make(data: ImageSet = image_set, network=NETWORK, steps: int = 20, **settings) -> TrainingRun:
        nonlocal count
        count += 1
        size = settings.setdefault("batch_size", 8)
        settings.setdefault("budget", Budget(images=steps * size))
        settings.setdefault("sample_count", 3)
        settings.setdefault("sample_steps", 4)
        # What is measured on the way takes longer than the training itself here.
        settings.setdefault("validation_pictures", 0)
        settings.setdefault("quality_pictures", 0)
        return TrainingRun.create(
            data,
            make_schedule("cosine", 50),
            TrainingSettings(**settings),
            network,
            choose_device("cpu"),
            tmp_path / f"run-{count}",
        )

    return make
