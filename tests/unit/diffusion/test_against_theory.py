"""Gaussian data and the exact denoiser: what sampling must give can be computed, step by step.

For data N(m, v) the exact ε̂ is linear in z_t, so every z_t stays Gaussian and its moments follow a recursion:

    ε̂ = k_t (z_t − √ᾱ_t m),   k_t = √(1−ᾱ_t) / (ᾱ_t v + 1 − ᾱ_t)
    mean_s = a mean_t − b k_t (mean_t − √ᾱ_t m),   variance_s = (a − b k_t)² variance_t + c²

with (a, b, c) the step's coefficients (state, predicted_noise, fresh_noise).

Without fresh noise, sampling solves the probability-flow equation dx̄/dσ̄ = ε̂, in x̄ = z/√ᾱ and σ̄ = √(1−ᾱ)/√ᾱ, which can
be done in closed form on the line (see `truth`) and by a solver for all else. How fast a sampler comes closer with more
steps is its order.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from studio.diffusion import (
    DDIMSampler,
    DDPMSampler,
    DPMSolverSampler,
    EulerSampler,
    GaussianDenoiser,
    HeunSampler,
    PictureNoise,
    UniPCSampler,
    cosine,
    linear,
    reverse,
    sampling_pairs,
)
from studio.diffusion.denoisers.mixture import GaussianMixtureDenoiser
from tests.unit.diffusion.samplers.truth import GAUSSIAN, MIXTURE, OVERLAPPING, Numbers, evenly_drawn

MEAN, VARIANCE = 0.3, 0.25


def propagated(schedule, sampler, pairs, mean: float = MEAN, variance: float = VARIANCE) -> list[tuple[float, float]]:
    """(mean, variance) of z_s after each pair, starting from N(0, 1)."""
    m, v, moments = 0.0, 1.0, []
    for t, s in pairs:
        signal, noise = float(schedule.sqrt_alpha_bar[t]), float(schedule.one_minus_alpha_bar[t])
        gain = math.sqrt(noise) / (signal**2 * variance + noise)
        step = sampler.coefficients(schedule, t, s)
        m = step.state * m - step.predicted_noise * gain * (m - signal * mean)
        v = (step.state - step.predicted_noise * gain) ** 2 * v + step.fresh_noise**2
        moments.append((m, v))
    return moments


@pytest.mark.parametrize("schedule", [linear(100), cosine(100)])
@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler(), DDIMSampler(0.5)])
@pytest.mark.parametrize("steps", [None, 12])
def test_sampled_moments_follow_the_recursion_at_every_step(schedule, sampler, steps: int | None) -> None:
    pairs = sampling_pairs(linear(100), steps)
    noise = PictureNoise(29, range(50), (1, 20, 20))
    walk = reverse(GaussianDenoiser(schedule, MEAN, VARIANCE), schedule, sampler, noise.initial(), pairs, noise.at)
    for step, (mean, variance) in zip(walk, propagated(schedule, sampler, pairs), strict=True):
        z = step.z_s.double()
        # 5 standard errors; 1e-12 leaves room for float32 when nothing random is left.
        assert abs(float(z.mean()) - mean) < 5 * math.sqrt(variance / z.numel()) + 1e-5
        assert abs(float(z.var()) - variance) < 5 * variance * math.sqrt(2 / z.numel()) + 1e-5


@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000)])
@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler(), DDIMSampler(1.0)])
def test_with_a_thousand_steps_the_data_are_recovered(schedule, sampler) -> None:
    mean, variance = propagated(schedule, sampler, sampling_pairs(linear(1000)))[-1]
    assert mean == pytest.approx(MEAN, abs=0.003)
    assert math.sqrt(variance) == pytest.approx(math.sqrt(VARIANCE), rel=0.02)


@pytest.mark.parametrize("sampler", [DDPMSampler("posterior"), DDIMSampler(), DDIMSampler(0.5)])
def test_more_steps_come_closer_to_the_data(sampler) -> None:
    errors = [
        abs(propagated(linear(1000), sampler, sampling_pairs(linear(1000), steps))[-1][1] - VARIANCE)
        for steps in (10, 30, 100, 300, 1000)
    ]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(("steps", "spread"), [(10, 0.374), (30, 0.456)])
def test_ddim_in_few_leading_steps_loses_spread_by_a_known_amount(steps: int, spread: float) -> None:
    # Known from diffusers' DDIMScheduler on data of mean 0 and standard deviation 0.5.
    moments = propagated(linear(1000), DDIMSampler(), sampling_pairs(linear(1000), steps, "leading"), mean=0.0)
    assert math.sqrt(moments[-1][1]) == pytest.approx(spread, abs=1e-3)


def test_sampled_pictures_have_the_moments_of_the_data() -> None:
    schedule = linear(1000)
    noise = PictureNoise(31, range(40), (1, 16, 16))
    *_, last = reverse(
        GaussianDenoiser(schedule, MEAN, VARIANCE),
        schedule,
        DDPMSampler(),
        noise.initial(),
        sampling_pairs(linear(1000)),
        noise.at,
    )
    assert float(last.z_s.mean()) == pytest.approx(MEAN, abs=5 * math.sqrt(VARIANCE / 10240) + 0.003)
    assert float(last.z_s.var()) == pytest.approx(VARIANCE, rel=5 * math.sqrt(2 / 10240) + 0.02)


def solved(z: np.ndarray, alpha_bar: float, weights, means, variances) -> np.ndarray:
    """Where the probability-flow equation of Σ w_k N(m_k, v_k I) leads z (D,) from ᾱ to the picture; means (K, D)."""
    weights, means, variances = np.asarray(weights), np.asarray(means), np.asarray(variances)

    def slope(sigma: float, x: np.ndarray) -> np.ndarray:
        spread = variances + sigma**2
        excess = x - means
        log_parts = np.log(weights) - 0.5 * (excess**2).sum(1) / spread - 0.5 * x.size * np.log(spread)
        parts = np.exp(log_parts - log_parts.max())
        return sigma * (parts / parts.sum() / spread) @ excess

    span = (math.sqrt((1 - alpha_bar) / alpha_bar), 0.0)
    answer = solve_ivp(slope, span, z / math.sqrt(alpha_bar), method="DOP853", rtol=1e-12, atol=1e-12)
    assert answer.success
    return answer.y[:, -1]


@pytest.mark.parametrize("numbers", [GAUSSIAN, MIXTURE, OVERLAPPING])
def test_quantiles_flow_as_the_equation_says(numbers: Numbers) -> None:
    schedule = linear(1000)
    for t in (999, 400):
        alpha_bar = schedule.alpha_bar_at(t)
        for z in (-1.9, -0.2, 0.4, 1.3):
            expected = solved(
                np.array([z]),
                alpha_bar,
                numbers.weights,
                np.array(numbers.means)[:, None],
                np.square(numbers.deviations),
            )
            flowed = numbers.flow(torch.tensor([z], dtype=torch.float64), alpha_bar)
            assert float(flowed) == pytest.approx(float(expected[0]), abs=1e-8)


def test_the_closed_form_for_one_gaussian() -> None:
    z, alpha_bar = evenly_drawn(50), linear(1000).alpha_bar_at(999)
    (mean,), (deviation,) = GAUSSIAN.means, GAUSSIAN.deviations
    spread = deviation / math.sqrt(alpha_bar * deviation**2 + 1 - alpha_bar)
    expected = mean + (z - math.sqrt(alpha_bar) * mean) * spread
    torch.testing.assert_close(GAUSSIAN.flow(z, alpha_bar), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("sampler", "largest"),
    [
        (DDIMSampler(), 3e-3),
        (EulerSampler(), 3e-3),
        (HeunSampler(), 6e-4),
        (DPMSolverSampler(), 2e-4),
        # The last step to the picture, first order from σ̄ = 0.01, is left of the error.
        (UniPCSampler(), 2e-4),
    ],
    ids=repr,
)
@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000)], ids=["linear", "cosine"])
def test_every_step_stays_on_the_exact_path(sampler, largest: float, schedule) -> None:
    """z_s = √ᾱ_s m + (z_T − √ᾱ_T m) √(v_s/v_T) with v = ᾱσ² + 1 − ᾱ, for data N(m, σ²)."""
    z = evenly_drawn(9)

    def path(t: int) -> torch.Tensor:
        alpha_bar = schedule.alpha_bar_at(t)
        grown = (alpha_bar * VARIANCE + 1 - alpha_bar) / (last * VARIANCE + 1 - last)
        return math.sqrt(alpha_bar) * MEAN + (z - math.sqrt(last) * MEAN) * math.sqrt(grown)

    last = schedule.alpha_bar_at(999)
    denoiser = GaussianDenoiser(schedule, MEAN, VARIANCE)
    worst = 0.0
    # Heun's own spacing spares it the leap from σ̄ = 20,000; with all of cosine's steps it cannot.
    pairs = sampling_pairs(schedule, 900, "karras")
    for step in reverse(denoiser, schedule, sampler, z, pairs, lambda index: None):
        worst = max(worst, float((step.z_s - path(step.s)).abs().max()))
    assert worst < largest


def test_in_two_dimensions_the_samplers_of_higher_order_find_the_solution() -> None:
    weights, means, variances = (0.3, 0.5, 0.2), [[-0.6, 0.5], [0.5, 0.1], [0.0, -0.7]], (0.04, 0.09, 0.02)
    schedule = linear(1000)
    denoiser = GaussianMixtureDenoiser(
        schedule,
        torch.tensor(means, dtype=torch.float64).view(3, 1, 1, 2),
        torch.tensor(variances, dtype=torch.float64),
        torch.tensor(weights, dtype=torch.float64),
    )
    z = torch.randn((6, 1, 1, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = [solved(start, schedule.alpha_bar_at(999), weights, means, variances) for start in z.view(6, 2).numpy()]
    for sampler, largest in ((HeunSampler(), 1e-3), (DPMSolverSampler(), 1e-3), (UniPCSampler(), 5e-4)):
        *_, last = reverse(denoiser, schedule, sampler, z, sampling_pairs(schedule, 200, "log_snr"), lambda index: None)
        np.testing.assert_allclose(last.z_s.view(6, 2).numpy(), np.stack(expected), rtol=0, atol=largest)


@pytest.mark.parametrize(
    ("sampler", "steepest", "flattest"),
    [
        (DDIMSampler(), -1.1, -0.9),
        (EulerSampler(), -1.1, -0.9),
        (HeunSampler(), -2.3, -1.8),
        (DPMSolverSampler(), -2.3, -1.8),
        # Its predictor is of order 2, which the corrector raises by one.
        (UniPCSampler(), -3.5, -2.7),
    ],
    ids=repr,
)
@pytest.mark.parametrize("spacing", ["log_snr", "karras"])
@pytest.mark.parametrize("numbers", [GAUSSIAN, OVERLAPPING], ids=["one Gaussian", "mixture"])
def test_the_error_falls_with_the_order_of_the_sampler(
    sampler, steepest: float, flattest: float, spacing: str, numbers: Numbers
) -> None:
    # So fine a schedule that rounding to its steps disturbs nothing.
    schedule, z = linear(20_000), evenly_drawn(100)
    expected = numbers.flow(z, schedule.alpha_bar_at(19_999))
    denoiser = numbers.denoiser(schedule)
    counts, errors = (20, 40, 80, 160), []
    for count in counts:
        *_, last = reverse(denoiser, schedule, sampler, z, sampling_pairs(schedule, count, spacing), lambda index: None)
        errors.append(float((last.z_s - expected).square().mean().sqrt()))
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert steepest <= slope <= flattest
