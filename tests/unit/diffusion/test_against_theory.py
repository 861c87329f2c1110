"""Gaussian data and the exact denoiser: what sampling must give can be computed, step by step.

For data N(m, v) the exact ε̂ is linear in z_t, so every z_t stays Gaussian and its moments follow a recursion:

    ε̂ = k_t (z_t − √ᾱ_t m),   k_t = √(1−ᾱ_t) / (ᾱ_t v + 1 − ᾱ_t)
    mean_s = a mean_t − b k_t (mean_t − √ᾱ_t m),   variance_s = (a − b k_t)² variance_t + c²

with (a, b, c) the step's coefficients (state, predicted_noise, fresh_noise).
"""

from __future__ import annotations

import math

import pytest

from studio.diffusion import (
    DDIMSampler,
    DDPMSampler,
    GaussianDenoiser,
    PictureNoise,
    cosine,
    linear,
    reverse,
    sampling_pairs,
)

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
