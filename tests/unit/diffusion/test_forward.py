"""The Markov chain and the closed form are the same process."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from studio.diffusion import alpha_bar_for, cosine, diffuse, linear, markov_chain, markov_step
from studio.diffusion.forward import whole_chain
from studio.errors import ScheduleError


@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000), linear(7)])
def test_composing_the_chains_coefficients_gives_the_closed_form(schedule) -> None:
    signal, variance = 1.0, 0.0
    for t, beta in enumerate(schedule.beta.tolist()):
        signal *= math.sqrt(1 - beta)
        variance = (1 - beta) * variance + beta
        assert signal == pytest.approx(schedule.sqrt_alpha_bar[t], rel=1e-11)
        assert variance == pytest.approx(schedule.one_minus_alpha_bar[t], rel=1e-11)


def test_the_chain_computes_exactly_that_composition() -> None:
    schedule = linear(20)
    one, zero = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    for t, z in enumerate(markov_chain(schedule, one, lambda t: zero)):
        assert z.item() == pytest.approx(schedule.sqrt_alpha_bar[t], rel=1e-12)
    # One unit of noise at step 5 alone reaches the end scaled by all later steps.
    *_, last = markov_chain(schedule, zero, lambda t: one if t == 5 else zero)
    expected = math.sqrt(schedule.beta[5] * schedule.alpha_bar[-1] / schedule.alpha_bar[5])
    assert last.item() == pytest.approx(expected, rel=1e-12)


def test_the_whole_chain_is_the_chain_step_by_step() -> None:
    schedule = cosine(40)
    generator = torch.Generator().manual_seed(2)
    x, noise = torch.rand(1, 2, 4, 3, generator=generator), torch.randn(40, 2, 4, 3, generator=generator)
    states = whole_chain(schedule, x[0], noise)
    assert states.shape == (41, 2, 4, 3)
    assert torch.equal(states[0], x[0])
    for t, z in enumerate(markov_chain(schedule, x, lambda t: noise[t : t + 1])):
        torch.testing.assert_close(states[t + 1], z[0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ScheduleError, match="noise for 39 steps"):
        whole_chain(schedule, x[0], noise[:39])


def test_the_moments_of_both_agree_with_theory_within_monte_carlo_error() -> None:
    schedule, count, value = linear(25), 40_000, 0.7
    generator = torch.Generator().manual_seed(11)
    x = torch.full((count, 1, 1, 2), value)

    def fresh(_: int = 0) -> torch.Tensor:
        return torch.randn(x.shape, generator=generator)

    for t, chained in enumerate(markov_chain(schedule, x, fresh)):
        variance = schedule.one_minus_alpha_bar[t]
        for z in (chained, diffuse(schedule, x, t, fresh())):
            samples = z.double().numpy().ravel()
            mean_error = math.sqrt(variance / samples.size)
            variance_error = variance * math.sqrt(2 / samples.size)
            assert abs(samples.mean() - value * schedule.sqrt_alpha_bar[t]) < 5 * mean_error
            assert abs(samples.var() - variance) < 5 * variance_error


def test_one_t_for_all_and_a_t_for_each_agree() -> None:
    schedule = cosine(50)
    x, noise = torch.rand(3, 2, 4, 4) * 2 - 1, torch.randn(3, 2, 4, 4)
    together = diffuse(schedule, x, torch.tensor([0, 20, 49]), noise)
    for i, t in enumerate((0, 20, 49)):
        torch.testing.assert_close(together[i : i + 1], diffuse(schedule, x[i : i + 1], t, noise[i : i + 1]))
    assert together.dtype == torch.float32


def test_alpha_bar_for_keeps_float64() -> None:
    schedule = linear(100)
    values = alpha_bar_for(schedule, torch.tensor([0, 99]), torch.zeros(2, 1, 3, 3))
    assert values.shape == (2, 1, 1, 1)
    assert values.dtype == torch.float64
    np.testing.assert_array_equal(values.flatten().numpy(), schedule.alpha_bar[[0, 99]])


@pytest.mark.parametrize("t", [-1, 10])
def test_a_step_outside_the_schedule_is_refused(t: int) -> None:
    schedule, x = linear(10), torch.zeros(2, 1, 1, 2)
    with pytest.raises(ScheduleError, match=f"Step {t + 1} does not exist"):
        diffuse(schedule, x, t, x)
    with pytest.raises(ScheduleError, match=f"Step {t + 1} does not exist"):
        diffuse(schedule, x, torch.tensor([3, t]), x)
    with pytest.raises(ScheduleError, match=f"Step {t + 1} does not exist"):
        markov_step(schedule, x, t, x)
