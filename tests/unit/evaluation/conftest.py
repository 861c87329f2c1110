from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.data.starter import load_starter


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> tuple[ImageSet, ImageSet]:
    """1,200 of the handwritten digits to train on, and the other 597 held out."""
    data = load_starter("digits")
    order = np.random.default_rng(0).permutation(data.count)
    return data.select(order[:1200]), data.select(order[1200:])
