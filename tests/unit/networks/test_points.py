"""The small network for pictures of very few pixels."""

from __future__ import annotations

import pytest
import torch

from studio.errors import SettingsError
from studio.networks import PointConfig, build_network


def test_it_learns_a_function_of_point_and_time() -> None:
    network = build_network(PointConfig(channels=1, height=1, width=2, hidden=32, blocks=2), seed=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(1)
    losses = []
    for _ in range(250):
        z = torch.randn(128, 1, 1, 2, generator=generator)
        t = torch.randint(0, 1000, (128,), generator=generator)
        target = z.flip(3) * (t.view(-1, 1, 1, 1) / 500 - 1)
        loss = (network(z, t) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(1 / 3, rel=0.25)
    assert sum(losses[-10:]) / 10 < 0.15 * losses[0]


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 1, 2), (4, 2, 1), (1, 2, 4)])
def test_shape_and_classes(shape: tuple[int, int, int]) -> None:
    channels, height, width = shape
    config = PointConfig(channels, height, width, hidden=16, blocks=1, num_class_embeds=4)
    network = build_network(config)
    z, t = torch.randn(5, *shape), torch.arange(5)
    assert network(z, t, torch.tensor([0, 1, 2, 3, 0])).shape == z.shape
    with pytest.raises(ValueError, match="class labels"):
        network(z, t)


@pytest.mark.parametrize(
    "wrong", [{"channels": 0}, {"height": 65}, {"hidden": 3}, {"blocks": 2.0}, {"num_class_embeds": 0}, {"width": True}]
)
def test_what_cannot_be_built_is_named(wrong: dict) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        PointConfig(**({"channels": 1, "height": 1, "width": 2} | wrong))
