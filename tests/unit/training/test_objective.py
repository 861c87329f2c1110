from __future__ import annotations

import pytest
import torch

from studio.diffusion.forward import diffuse
from studio.diffusion.parameterization import Parameterization, prediction_from_output, training_target
from studio.diffusion.schedule import make_schedule
from studio.training.objective import draw_timesteps, noise_error_weight


@pytest.mark.parametrize("parameterization", list(Parameterization))
@pytest.mark.parametrize("t", [0, 3, 25, 48])
def test_the_weight_turns_the_error_of_the_output_into_that_of_the_noise(
    parameterization: Parameterization, t: int
) -> None:
    schedule = make_schedule("cosine", 50)
    random = torch.Generator().manual_seed(t)
    x, noise, slip = torch.randn(3, 2, 1, 4, 4, generator=random, dtype=torch.float64)
    alpha_bar = torch.tensor(schedule.alpha_bar[t])
    output = training_target(parameterization, x, noise, alpha_bar) + 0.1 * slip
    z_t = diffuse(schedule, x, t, noise)
    predicted = prediction_from_output(parameterization, output, z_t, alpha_bar).eps
    expected = (predicted - noise).square().mean()
    weighted = noise_error_weight(parameterization, alpha_bar) * (0.1 * slip).square().mean()
    torch.testing.assert_close(weighted, expected, rtol=1e-9, atol=0)


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
