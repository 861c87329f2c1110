from __future__ import annotations

import pytest
import torch
from torch import nn

from studio.training.ema import AveragedNetwork, ema_decay


def test_the_average_is_the_closed_form_sum() -> None:
    source = nn.Linear(1, 1, bias=False)
    averaged = AveragedNetwork(source, halflife_images=100, rampup_ratio=1.0)
    values, start = [0.3, -1.0, 2.0, 0.7, 5.0], source.weight.item()
    for step, value in enumerate(values, 1):
        nn.init.constant_(source.weight, value)
        averaged.update(batch_size=10, images_seen=1000 + 10 * step)
    decay = 2.0 ** (-10 / 100)
    expected = decay ** len(values) * start + sum(
        (1 - decay) * decay ** (len(values) - step) * value for step, value in enumerate(values, 1)
    )
    assert averaged.network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_after_a_half_life_the_old_weights_count_half_whatever_the_batch_size() -> None:
    for size in (1, 8, 64):
        assert ema_decay(size, 10**9, 640, 0.05) ** (640 / size) == pytest.approx(0.5)


def test_early_on_the_average_follows() -> None:
    # After 1000 pictures the half-life is 50 of them, not 4400.
    assert ema_decay(32, 1000, 4400, 0.05) == pytest.approx(2 ** (-32 / 50))
    assert ema_decay(32, 32, 4400, 0.05) < 1e-5


def test_without_a_half_life_the_average_is_the_network_bit_for_bit() -> None:
    source = nn.Linear(3, 3)
    averaged = AveragedNetwork(source, 0, 0.05)
    nn.init.uniform_(source.weight, generator=torch.Generator().manual_seed(0))
    averaged.update(8, 8)
    assert torch.equal(averaged.network.weight, source.weight)


def test_buffers_are_copied_and_memory_is_its_own() -> None:
    source = nn.BatchNorm1d(2)
    averaged = AveragedNetwork(source, 1000, 0.05)
    source(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    assert not torch.equal(averaged.network.running_mean, source.running_mean)
    averaged.update(2, 2)
    assert torch.equal(averaged.network.running_mean, source.running_mean)
    assert averaged.network.running_mean.data_ptr() != source.running_mean.data_ptr()
    assert not averaged.network.training
    assert not any(parameter.requires_grad for parameter in averaged.network.parameters())
