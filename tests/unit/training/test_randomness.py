from __future__ import annotations

import numpy as np
import torch

from studio.training.batches import DataOrder
from studio.training.randomness import Purpose, mix, permutation, step_generator


def test_one_number_is_mixed_as_splitmix64_does() -> None:
    # The first output of SplitMix64 from state 0, as in Vigna's reference code and Java's SplittableRandom.
    assert mix(0) == 0xE220A8397B1DCDAF


def test_mixing_depends_on_every_number_and_on_their_order() -> None:
    values = [mix(), mix(1), mix(1, 2), mix(2, 1), mix(1, 2, 0), mix(1, 3), mix(-1, 2)]
    assert len(set(values)) == len(values)
    assert all(0 <= value < 2**64 for value in values)


def test_a_step_always_draws_the_same_and_each_step_something_else() -> None:
    def draw(*arguments) -> torch.Tensor:
        return torch.randn(5, generator=step_generator(*arguments))

    assert torch.equal(draw(3, 64), draw(3, 64))
    others = [draw(3, 96), draw(4, 64), draw(3, 64, "cpu", Purpose.MIRRORING)]
    assert not any(torch.equal(draw(3, 64), other) for other in others)


def test_global_randomness_is_left_alone() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    torch.rand(3, generator=step_generator(1, 2))
    permutation(1, 2, 10)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


def test_each_epoch_shows_every_picture_once_in_an_order_of_its_own() -> None:
    orders = [permutation(7, epoch, 100) for epoch in range(4)]
    assert all(np.array_equal(np.sort(order), np.arange(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_an_order_is_fair() -> None:
    first = np.bincount([permutation(0, epoch, 5)[0] for epoch in range(5000)], minlength=5)
    # Standard deviation 28 about a mean of 1000.
    assert np.abs(first - 1000).max() < 140


def test_indices_do_not_depend_on_how_they_are_asked_for() -> None:
    order = DataOrder(seed=1, count=7)
    whole = order.indices(0, 40)
    pieces = np.concatenate([DataOrder(1, 7).indices(start, 4) for start in range(0, 40, 4)])
    assert np.array_equal(whole, pieces)
    assert np.array_equal(order.indices(5, 10), whole[5:15])
    assert np.array_equal(np.sort(whole[7:14]), np.arange(7))
