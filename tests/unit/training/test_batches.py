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
    x = Batches(ramp, 3, CPU).batch(2, 4).pictures
    chosen = ramp.images[DataOrder(3, 5).indices(2, 4)]
    expected = (chosen.astype(np.float64) / 127.5 - 1.0).transpose(0, 3, 1, 2)
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_any_batch_size_works_with_any_count(ramp: ImageSet, size: int) -> None:
    one = ramp.select([2])
    assert Batches(ramp, 0, CPU).batch(0, size).pictures.shape == (size, 1, 2, 3)
    twice = Batches(ramp.select([2, 2]), 0, CPU).batch(0, 1).pictures
    assert torch.equal(Batches(one, 0, CPU).batch(9, size).pictures[-1], twice[0])


def test_mirroring_turns_half_of_the_pictures_left_to_right(ramp: ImageSet) -> None:
    plain = Batches(ramp, 0, CPU).batch(0, 400).pictures
    mirrored = Batches(ramp, 0, CPU).batch(0, 400, step_generator(0, 0)).pictures
    turned = (mirrored == plain.flip(-1)).all(dim=(1, 2, 3))
    kept = (mirrored == plain).all(dim=(1, 2, 3))
    assert bool((turned ^ kept).all())
    assert 140 < int(turned.sum()) < 260


@pytest.mark.parametrize("flip_generator", [None, step_generator(0, 0)])
def test_every_picture_comes_with_its_own_class(ramp: ImageSet, flip_generator: torch.Generator | None) -> None:
    labelled = ImageSet("ramp", ramp.images, [3, 0, 1, 0, 2], tuple("abcd"))
    batches = Batches(labelled, 5, CPU)
    for start in (0, 3, 11):
        batch = batches.batch(start, 12, flip_generator)
        number = torch.round((batch.pictures.mean(dim=(1, 2, 3)) + 1) * 127.5 - 2.5).long() // 6
        assert batch.labels.dtype == torch.int64
        assert torch.equal(batch.labels, torch.tensor([3, 0, 1, 0, 2])[number])
    assert Batches(ramp, 5, CPU).batch(0, 4).labels is None
