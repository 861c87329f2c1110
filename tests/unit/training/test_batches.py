from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.training.batches import Batches, DataOrder
from studio.training.randomness import step_generator

CPU = torch.device("cpu")


@pytest.fixture
def ramp() -> ImageSet:
    """Five pictures of 2×3 pixels that can be told apart: picture n has the values 6n..6n+5."""
    return ImageSet("ramp", np.arange(30, dtype=np.uint8).reshape(5, 2, 3, 1))


def test_a_batch_is_the_pictures_of_the_order_in_model_range(ramp: ImageSet) -> None:
    x = Batches(ramp, 3, CPU).batch(2, 4)
    chosen = ramp.images[DataOrder(3, 5).indices(2, 4)]
    expected = (chosen.astype(np.float64) / 127.5 - 1.0).transpose(0, 3, 1, 2)
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_any_batch_size_works_with_any_count(ramp: ImageSet, size: int) -> None:
    one = ramp.select([2])
    assert Batches(ramp, 0, CPU).batch(0, size).shape == (size, 1, 2, 3)
    assert torch.equal(Batches(one, 0, CPU).batch(9, size)[-1], Batches(ramp.select([2, 2]), 0, CPU).batch(0, 1)[0])


def test_mirroring_turns_half_of_the_pictures_left_to_right(ramp: ImageSet) -> None:
    plain = Batches(ramp, 0, CPU).batch(0, 400)
    mirrored = Batches(ramp, 0, CPU).batch(0, 400, step_generator(0, 0))
    turned = (mirrored == plain.flip(-1)).all(dim=(1, 2, 3))
    kept = (mirrored == plain).all(dim=(1, 2, 3))
    assert bool((turned ^ kept).all())
    assert 140 < int(turned.sum()) < 260
