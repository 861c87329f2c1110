from __future__ import annotations

import pytest
import torch

from studio.training.objective import draw_timesteps, drop_classes


@pytest.mark.parametrize("sampling", ["uniform", "stratified"])
@pytest.mark.parametrize(("size", "steps"), [(1, 1), (1, 1000), (32, 1000), (7, 10), (100, 10)])
def test_every_noise_level_is_as_likely_as_any_other(sampling: str, size: int, steps: int) -> None:
    draws = [
        draw_timesteps(sampling, size, steps, torch.Generator().manual_seed(seed)) for seed in range(4000 // size + 20)
    ]
    t = torch.cat(draws)
    assert t.dtype == torch.int64
    assert int(t.min()) >= 0
    assert int(t.max()) <= steps - 1
    bins = min(steps, 10)
    shares = torch.bincount(t * bins // steps, minlength=bins) / len(t)
    torch.testing.assert_close(shares, torch.full((bins,), 1 / bins), atol=0.03, rtol=0)


def test_stratified_levels_lie_one_in_each_part() -> None:
    t = draw_timesteps("stratified", 20, 1000, torch.Generator().manual_seed(0))
    assert (t // 50).tolist() == list(range(20))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_classes_are_left_out_in_the_share_that_was_asked_for(share: float) -> None:
    labels = torch.arange(20_000) % 3
    shown = drop_classes(labels, share, 3, torch.Generator().manual_seed(0))
    dropped = shown == 3
    assert shown.dtype == torch.int64
    assert torch.equal(shown[~dropped], labels[~dropped])
    for number in range(3):
        # The standard deviation of a share of 0.5 among 6,667 is 0.006.
        assert dropped[labels == number].double().mean().item() == pytest.approx(share, abs=0.025)


def test_classes_are_left_out_by_the_generator_alone() -> None:
    labels = torch.zeros(100, dtype=torch.int64)
    draws = [drop_classes(labels, 0.5, 1, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
