"""What is measured in chains that were run agrees with theory, and its error bars are as long as they should be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from studio.diffusion import NoiseSchedule, cosine, diffuse, linear, markov_chain
from studio.diffusion.forward_moments import ForwardMoments, measure_chains
from studio.errors import SettingsError


def picture(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.rand((1, *shape), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def measured(schedule: NoiseSchedule, x: torch.Tensor, count: int, *, seed: int = 0, first: int = 0) -> ForwardMoments:
    *between, moments = measure_chains(schedule, x, seed, first, count)
    assert between == [None] * (schedule.step_count - 1)
    assert isinstance(moments, ForwardMoments)
    return moments


@pytest.mark.parametrize("schedule", [linear(40), cosine(60), linear(5, beta_start=0.1, beta_end=0.5)])
@pytest.mark.parametrize("shape", [(1, 6, 6), (3, 4, 5), (1, 1, 2)])
def test_mean_and_variance_agree_with_theory_within_five_sigma(schedule: NoiseSchedule, shape) -> None:
    x, count = picture(*shape), 2000
    moments = measured(schedule, x, count)
    variance = schedule.one_minus_alpha_bar
    norm, freedom = float((x.double() ** 2).sum()), x.numel() - 1
    # The errors that theory gives, not the measured ones: those depend on the same draws.
    factor_error = np.sqrt(variance / norm / count)
    variance_error = variance * math.sqrt(2 / freedom / count)
    assert np.all(np.abs(moments.factor - schedule.sqrt_alpha_bar) < 5 * factor_error)
    assert np.all(np.abs(moments.variance - variance) < 5 * variance_error)
    # A standard deviation out of 2,000 chains is itself known to some per cent.
    np.testing.assert_allclose(moments.factor_error, factor_error, rtol=0.15)
    np.testing.assert_allclose(moments.variance_error, variance_error, rtol=0.25)


def test_a_chain_with_another_law_is_found_out() -> None:
    schedule, wrong = linear(40, beta_end=0.02), linear(40, beta_end=0.03)
    moments = measured(wrong, picture(1, 6, 6), 500)
    far = np.abs(moments.factor - schedule.sqrt_alpha_bar) / moments.factor_error
    assert far[8] > 5
    assert abs(moments.variance[8] - schedule.one_minus_alpha_bar[8]) > 5 * moments.variance_error[8]


def test_the_measures_are_the_regression_that_numpy_computes() -> None:
    schedule, x, count = cosine(12), picture(1, 3, 4), 7
    moments = measured(schedule, x, count, seed=5, first=21)
    # The same chains once more, and each fitted by least squares.
    seed = int(np.random.SeedSequence((5, 21)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    generator = torch.Generator().manual_seed(seed)
    chains = x.expand(count, 1, 3, 4)
    flat = x.flatten().double().numpy()[:, None]
    for t, z in enumerate(markov_chain(schedule, chains, lambda _: torch.randn(chains.shape, generator=generator))):
        fits = [np.linalg.lstsq(flat, each.flatten().double().numpy(), rcond=None) for each in z]
        factors = np.array([fit[0][0] for fit in fits])
        variances = np.array([fit[1][0] / 11 for fit in fits])
        assert moments.factor[t] == pytest.approx(factors.mean(), abs=1e-5)
        assert moments.factor_error[t] == pytest.approx(factors.std(ddof=1) / math.sqrt(count), abs=1e-5)
        assert moments.variance[t] == pytest.approx(variances.mean(), rel=1e-4)
        assert moments.variance_error[t] == pytest.approx(variances.std(ddof=1) / math.sqrt(count), rel=1e-3)


def test_the_closed_form_has_the_moments_that_chains_have() -> None:
    schedule, x, count = cosine(20), picture(1, 5, 5), 4000
    moments = measured(schedule, x, count)
    generator = torch.Generator().manual_seed(9)
    chains = x.expand(count, 1, 5, 5)
    flat = x.flatten().double()
    for t in (0, 9, 19):
        z = diffuse(schedule, chains, t, torch.randn(chains.shape, generator=generator)).flatten(1).double()
        factors = z @ flat / (flat @ flat)
        both = math.hypot(float(factors.std()) / math.sqrt(count), moments.factor_error[t])
        assert abs(float(factors.mean()) - moments.factor[t]) < 5 * both


def test_batches_add_up_and_are_different_chains() -> None:
    schedule, x = linear(10), picture(1, 4, 4)
    first, second = measured(schedule, x, 3, first=0), measured(schedule, x, 5, first=3)
    both = first + second
    assert both.chains == 8
    np.testing.assert_allclose(both.factor, (3 * first.factor + 5 * second.factor) / 8)
    np.testing.assert_allclose(both.variance, (3 * first.variance + 5 * second.variance) / 8)
    assert not np.any(measured(schedule, x, 3, first=3).factor == first.factor)
    assert np.array_equal(measured(schedule, x, 3, first=0).factor, first.factor)
    assert not np.any(measured(schedule, x, 3, seed=1).factor == first.factor)


def test_what_cannot_be_measured_is_not_a_number() -> None:
    schedule = linear(10)
    grey = measured(schedule, torch.zeros(1, 1, 4, 4), 400)
    assert np.isnan(grey.factor).all()
    assert np.all(np.abs(grey.variance - schedule.one_minus_alpha_bar) < 5 * grey.variance_error)
    single = measured(schedule, torch.ones(1, 1, 1, 1), 400)
    assert np.isnan(single.variance).all()
    assert np.all(np.abs(single.factor - schedule.sqrt_alpha_bar) < 5 * single.factor_error)
    assert np.isnan(measured(schedule, picture(1, 2, 2), 1).factor_error).all()
    with pytest.raises(SettingsError, match="0 chains"):
        next(measure_chains(schedule, picture(1, 2, 2), 0, 0, 0))
