from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.training.batches import Batches, DataOrder
from studio.training.randomness import step_generator
from studio.training.settings import TrainingSettings

CPU = torch.device("cpu")


@pytest.fixture
def ramp() -> ImageSet:
    """Five pictures of 2×3 pixels that can be told apart: picture n has the values 6n..6n+5."""
    return ImageSet("ramp", np.arange(30, dtype=np.uint8).reshape(5, 2, 3, 1))


def batches(image_set: ImageSet, usable: np.ndarray | None = None, **settings) -> Batches:
    return Batches(image_set, TrainingSettings(**settings), CPU, usable)


def numbers(x: torch.Tensor) -> torch.Tensor:
    """Which picture of the ramp each of a batch is."""
    return torch.round((x.mean(dim=(1, 2, 3)) + 1) * 127.5 - 2.5).long() // 6


def test_a_batch_is_the_pictures_of_the_order_in_model_range(ramp: ImageSet) -> None:
    x = batches(ramp, seed=3).batch(2, 4).pictures
    chosen = ramp.images[DataOrder(3, 5).indices(2, 4)]
    expected = (chosen.astype(np.float64) / 127.5 - 1.0).transpose(0, 3, 1, 2)
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_any_batch_size_works_with_any_count(ramp: ImageSet, size: int) -> None:
    one = ramp.select([2])
    assert batches(ramp).batch(0, size).pictures.shape == (size, 1, 2, 3)
    twice = batches(ramp.select([2, 2])).batch(0, 1).pictures
    assert torch.equal(batches(one).batch(9, size).pictures[-1], twice[0])


def test_mirroring_alone_draws_what_it_always_drew(ramp: ImageSet) -> None:
    plain = batches(ramp, seed=4).batch(7, 400).pictures
    mirrored = batches(ramp, seed=4, horizontal_flips=True).batch(7, 400).pictures
    # The numbers of earlier versions: saved runs go on from them.
    chosen = torch.rand(400, generator=step_generator(4, 7, purpose=3)) < 0.5
    assert torch.equal(mirrored, torch.where(chosen[:, None, None, None], plain.flip(-1), plain))
    assert 140 < int(chosen.sum()) < 260


@pytest.mark.parametrize("varied", [False, True])
def test_every_picture_comes_with_its_own_class(ramp: ImageSet, varied: bool) -> None:
    labelled = ImageSet("ramp", ramp.images, [3, 0, 1, 0, 2], tuple("abcd"))
    drawn = batches(labelled, seed=5, horizontal_flips=varied, vertical_flips=varied)
    for start in (0, 3, 11):
        batch = drawn.batch(start, 12)
        assert batch.labels.dtype == torch.int64
        assert torch.equal(batch.labels, torch.tensor([3, 0, 1, 0, 2])[numbers(batch.pictures)])
    assert batches(ramp, seed=5).batch(0, 4).labels is None


def test_only_usable_pictures_are_drawn_and_all_of_them(ramp: ImageSet) -> None:
    labelled = ImageSet("ramp", ramp.images, [3, 0, 1, 0, 2], tuple("abcd"))
    drawn = batches(labelled, np.array([4, 1, 2]), seed=1)
    batch = drawn.batch(0, 6)
    assert drawn.count == 3
    assert sorted(numbers(batch.pictures).tolist()) == [1, 1, 2, 2, 4, 4]
    assert torch.equal(batch.labels, torch.tensor([3, 0, 1, 0, 2])[numbers(batch.pictures)])
    assert sorted(drawn.indices(0, 3).tolist()) == [1, 2, 4]


def test_a_memory_mapped_set_gives_the_same_batches(ramp: ImageSet, tmp_path: Path) -> None:
    path = tmp_path / "pictures.npy"
    np.save(path, ramp.images)
    mapped = ImageSet("ramp", np.load(path, mmap_mode="r"))
    drawn = batches(mapped, seed=2, horizontal_flips=True).batch(3, 9).pictures
    assert torch.equal(drawn, batches(ramp, seed=2, horizontal_flips=True).batch(3, 9).pictures)
