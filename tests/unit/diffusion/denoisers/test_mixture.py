"""The exact denoiser of a mixture of Gaussians, against the density, brute force and the single Gaussian."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from studio.diffusion import (
    DDIMSampler,
    Denoiser,
    GaussianDenoiser,
    GaussianMixtureDenoiser,
    PictureNoise,
    cosine,
    linear,
    reverse,
    sampling_pairs,
)

MEANS = torch.tensor([[-0.7, 0.2], [0.5, 0.6], [0.1, -0.8]], dtype=torch.float64).view(3, 1, 1, 2)
VARIANCES = torch.tensor([0.01, 0.04, 0.002], dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)

schedules = st.sampled_from([linear(1000), cosine(1000), linear(20)])


def noisy(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 1, 1, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(schedule=schedules, share=st.floats(0, 1), seed=st.integers(0, 1000), label=st.integers(0, 3))
def test_the_noise_is_the_gradient_of_the_density(schedule, share: float, seed: int, label: int) -> None:
    t = round(share * (schedule.step_count - 1))
    denoiser = GaussianMixtureDenoiser(schedule, MEANS, VARIANCES, WEIGHTS)
    z = noisy(5, seed).requires_grad_()
    (score,) = torch.autograd.grad(denoiser.log_density(z, t, label).sum(), z)
    prediction = denoiser.predict(z.detach(), t, label)
    # Tweedie's formula (Efron 2011): the score gives ε̂, and with it x̂0 = (z + (1 − ᾱ) ∇ log q) / √ᾱ.
    torch.testing.assert_close(prediction.eps, -schedule.sqrt_one_minus_alpha_bar[t] * score, rtol=1e-9, atol=1e-9)
    x0 = (z.detach() + schedule.one_minus_alpha_bar[t] * score) / schedule.sqrt_alpha_bar[t]
    scale = 1.0 / schedule.sqrt_alpha_bar[t]
    torch.testing.assert_close(prediction.x0, x0, rtol=1e-9, atol=1e-10 * scale)


@pytest.mark.parametrize("t", [-1, 0, 300, 999])
def test_the_density_is_that_of_torch(t: int) -> None:
    schedule = linear(1000)
    denoiser = GaussianMixtureDenoiser(schedule, MEANS, VARIANCES, WEIGHTS)
    alpha_bar = schedule.alpha_bar_at(t)
    spread = (alpha_bar * VARIANCES + schedule.one_minus_alpha_bar_at(t)).sqrt()
    components = Independent(Normal(math.sqrt(alpha_bar) * MEANS, spread.view(3, 1, 1, 1).expand(3, 1, 1, 2)), 3)
    z = 0.5 * noisy(6)
    torch.testing.assert_close(
        denoiser.log_density(z, t), MixtureSameFamily(Categorical(WEIGHTS), components).log_prob(z)
    )
    asked = torch.tensor([0, 1, 2, 3, 3, 1])
    by_class = components.log_prob(z.unsqueeze(1))
    whole = MixtureSameFamily(Categorical(WEIGHTS), components).log_prob(z)
    expected = torch.stack([whole[i] if k == 3 else by_class[i, k] for i, k in enumerate(asked.tolist())])
    torch.testing.assert_close(denoiser.log_density(z, t, asked), expected)


def test_it_is_the_mean_of_the_pictures_that_become_z() -> None:
    # One pixel: E[x | z] = ∫ x p(x) p(z | x) dx / q(z), as a sum over a fine grid.
    schedule, means, variances = linear(100), torch.tensor([-0.6, 0.4]), torch.tensor([0.01, 0.09])
    weights = torch.tensor([1.0, 3.0])
    denoiser = GaussianMixtureDenoiser(schedule, means.view(2, 1, 1, 1), variances, weights)
    x = torch.linspace(-4, 4, 20_001, dtype=torch.float64)
    density = sum(
        weight * Normal(mean.double(), variance.double().sqrt()).log_prob(x).exp()
        for weight, mean, variance in zip(weights, means, variances, strict=True)
    )
    z = torch.tensor([-0.9, -0.1, 0.0, 0.7], dtype=torch.float64)
    for t in (0, 10, 50, 99):
        signal, sigma = schedule.sqrt_alpha_bar[t], schedule.sqrt_one_minus_alpha_bar[t]
        joint = density * torch.exp(-0.5 * ((z.unsqueeze(1) - signal * x) / sigma) ** 2)
        expected = (joint * x).sum(1) / joint.sum(1)
        prediction = denoiser.predict(z.view(4, 1, 1, 1), t)
        torch.testing.assert_close(prediction.x0.flatten(), expected, rtol=0, atol=1e-7)
        torch.testing.assert_close(signal * prediction.x0.flatten() + sigma * prediction.eps.flatten(), z)


@pytest.mark.parametrize("t", [0, 500, 999])
def test_a_class_is_its_component_alone(t: int) -> None:
    schedule = cosine(1000)
    denoiser = GaussianMixtureDenoiser(schedule, MEANS, VARIANCES, WEIGHTS)
    assert denoiser.class_count == 3
    z = noisy(4)
    asked = torch.tensor([2, 0, 3, 1])
    mixed = denoiser.predict(z, t, asked)
    for row, label in enumerate(asked.tolist()):
        alone = denoiser.predict(z[row : row + 1], t, label)
        torch.testing.assert_close(mixed.eps[row : row + 1], alone.eps, rtol=0, atol=0)
        torch.testing.assert_close(mixed.x0[row : row + 1], alone.x0, rtol=0, atol=0)
        if label < 3:
            single = GaussianDenoiser(schedule, MEANS[label], VARIANCES[label]).predict(z[row : row + 1], t)
            torch.testing.assert_close(alone.eps, single.eps)
            torch.testing.assert_close(alone.x0, single.x0)
    whole = denoiser.predict(z, t)
    torch.testing.assert_close(whole.eps[2], mixed.eps[2], rtol=0, atol=0)
    assert not torch.equal(whole.eps[0], mixed.eps[0])


def test_a_variance_for_each_pixel_and_weights_in_any_scale() -> None:
    schedule, z = linear(100), noisy(3)
    each = VARIANCES.view(3, 1, 1, 1).expand(3, 1, 1, 2)
    plain = GaussianMixtureDenoiser(schedule, MEANS, VARIANCES, WEIGHTS)
    spelled_out = GaussianMixtureDenoiser(schedule, MEANS, each, 70 * WEIGHTS)
    torch.testing.assert_close(spelled_out.predict(z, 40).x0, plain.predict(z, 40).x0)
    torch.testing.assert_close(spelled_out.log_density(z, 40), plain.log_density(z, 40))
    uneven = torch.tensor([0.01, 0.3], dtype=torch.float64).expand(3, 1, 1, 2)
    first = GaussianMixtureDenoiser(schedule, MEANS, uneven).predict(z, 40, 0)
    single = GaussianDenoiser(schedule, MEANS[0], torch.tensor([0.01, 0.3])).predict(z, 40)
    torch.testing.assert_close(first.x0, single.x0, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("t", [0, 999])
def test_single_pictures_far_away_give_no_nan(t: int) -> None:
    denoiser = GaussianMixtureDenoiser(cosine(1000), MEANS, 0.0)
    prediction = denoiser.predict(1000.0 * noisy(4), t)
    assert bool((prediction.x0.isfinite() & prediction.eps.isfinite()).all())
    assert bool((prediction.x0.abs() <= 0.8).all())
    # At the least noise a picture itself can come from no other.
    least = GaussianMixtureDenoiser(cosine(1000), MEANS, 0.0).predict(MEANS.clone(), 0)
    torch.testing.assert_close(least.x0, MEANS)


def test_answers_come_in_the_type_of_the_question() -> None:
    denoiser = GaussianMixtureDenoiser(linear(10), MEANS, 0.01)
    assert isinstance(denoiser, Denoiser)
    prediction = denoiser.predict(noisy(2).float(), 5)
    assert prediction.eps.dtype == prediction.x0.dtype == torch.float32
    exact = denoiser.predict(noisy(2).float().double(), 5)
    torch.testing.assert_close(prediction.x0, exact.x0.float(), rtol=0, atol=0)


def test_ddim_in_small_steps_leads_to_the_mixture() -> None:
    schedule = cosine(1000)
    denoiser = GaussianMixtureDenoiser(schedule, MEANS, VARIANCES, WEIGHTS)
    noise = PictureNoise(3, range(2000), (1, 1, 2))
    *_, last = reverse(denoiser, schedule, DDIMSampler(), noise.initial(), sampling_pairs(schedule, 200), noise.at)
    nearest = (last.z_s.unsqueeze(1) - MEANS).square().flatten(2).sum(2).argmin(1)
    share = nearest.bincount(minlength=3) / len(nearest)
    standard_error = (WEIGHTS * (1 - WEIGHTS) / len(nearest)).sqrt()
    assert bool(((share - WEIGHTS).abs() < 4 * standard_error).all()), share
    for label in range(3):
        here = last.z_s[nearest == label]
        torch.testing.assert_close(here.mean(0).double(), MEANS[label], rtol=0, atol=0.03)
        # A tenth narrower at most: first-order steps lose some spread (and 400 pictures say it within 3 %).
        assert 0.9 < (here.var(0).mean() / VARIANCES[label]).sqrt() < 1.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((MEANS[0], 0.1), "means"),
        ((MEANS, -0.1), "negative"),
        ((MEANS, torch.ones(2)), "variances"),
        ((MEANS, 0.1, torch.ones(2)), "weights"),
        ((MEANS, 0.1, torch.tensor([1.0, 0.0, 1.0])), "positive"),
    ],
)
def test_what_is_no_mixture_is_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixtureDenoiser(linear(10), *arguments)


@pytest.mark.parametrize("condition", [4, -1, torch.tensor([0, 1, 4]), torch.tensor([0, 1]), torch.zeros(3, 1)])
def test_a_class_that_does_not_exist_is_refused(condition) -> None:
    with pytest.raises(ValueError, match="classes"):
        GaussianMixtureDenoiser(linear(10), MEANS, 0.1).predict(noisy(3), 5, condition)
