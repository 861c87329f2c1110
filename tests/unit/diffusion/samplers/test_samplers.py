"""Sampler coefficients against the book's and the papers' formulas, and samplers by name."""

from __future__ import annotations

import math

import pytest

from studio.diffusion import (
    SAMPLERS,
    SPACINGS,
    DDIMSampler,
    DDPMSampler,
    DPMSolverSampler,
    EulerSampler,
    HeunSampler,
    Sampler,
    UniPCSampler,
    cosine,
    linear,
    make_sampler,
    sampling_pairs,
)
from studio.errors import SettingsError


def test_ddpm_with_beta_is_algorithm_20_2() -> None:
    schedule = linear(1000)
    for t, s in sampling_pairs(linear(1000)):
        beta, alpha_bar = schedule.beta[t], schedule.alpha_bar[t]
        coefficients = DDPMSampler("beta").coefficients(schedule, t, s)
        assert coefficients.state == pytest.approx(1 / math.sqrt(1 - beta), rel=1e-12)
        # The book's arithmetic in float64 loses digits in 1 − ᾱ_t at small t, hence the tolerance.
        expected = beta / (math.sqrt(1 - alpha_bar) * math.sqrt(1 - beta))
        assert coefficients.predicted_noise == pytest.approx(expected, rel=1e-11)
        assert coefficients.fresh_noise == (0.0 if t == 0 else math.sqrt(beta))


def test_the_posterior_variance_is_beta_tilde() -> None:
    schedule = linear(1000)
    for t, s in sampling_pairs(linear(1000)):
        coefficients = DDPMSampler("posterior").coefficients(schedule, t, s)
        assert coefficients.fresh_noise**2 == pytest.approx(schedule.posterior_variance[t], rel=1e-12)


@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000), linear(40)])
@pytest.mark.parametrize("variance", ["beta", "posterior"])
def test_the_noise_form_of_the_mean_is_the_posterior_mean_given_x0(schedule, variance: str) -> None:
    count = schedule.step_count
    for t, s in (*sampling_pairs(linear(count)), *sampling_pairs(linear(count), 7), (count - 1, 3), (count - 1, -1)):
        coefficients = DDPMSampler(variance).coefficients(schedule, t, s)
        beta = schedule.beta_between(t, s)
        noise_t, noise_s = schedule.one_minus_alpha_bar_at(t), schedule.one_minus_alpha_bar_at(s)
        signal_t, signal_s = math.sqrt(schedule.alpha_bar_at(t)), math.sqrt(schedule.alpha_bar_at(s))
        # DDPM eq. 7, generalised: μ = √ᾱ_s β/(1−ᾱ_t) x0 + √(1−β) (1−ᾱ_s)/(1−ᾱ_t) z_t, with z_t = √ᾱ_t x0 + √(1−ᾱ_t) ε.
        x0, eps = 0.37, -1.3
        z = signal_t * x0 + math.sqrt(noise_t) * eps
        expected = signal_s * beta / noise_t * x0 + math.sqrt(1 - beta) * noise_s / noise_t * z
        mean = coefficients.state * z - coefficients.predicted_noise * eps
        assert mean == pytest.approx(expected, rel=1e-9, abs=1e-11 * coefficients.state)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_follows_its_equation(eta: float) -> None:
    schedule = linear(1000)
    for t, s in sampling_pairs(linear(1000), 13):
        coefficients = DDIMSampler(eta).coefficients(schedule, t, s)
        alpha_t, alpha_s = schedule.alpha_bar_at(t), schedule.alpha_bar_at(s)
        sigma = eta * math.sqrt((1 - alpha_s) / (1 - alpha_t)) * math.sqrt(1 - alpha_t / alpha_s)
        x0, eps = -0.8, 0.9
        z = math.sqrt(alpha_t) * x0 + math.sqrt(1 - alpha_t) * eps
        expected = math.sqrt(alpha_s) * x0 + math.sqrt(1 - alpha_s - sigma**2) * eps
        assert coefficients.fresh_noise == pytest.approx(sigma, rel=1e-9)
        assert coefficients.state * z - coefficients.predicted_noise * eps == pytest.approx(expected, abs=1e-10)


def test_ddim_with_eta_one_is_ddpm_with_the_posterior_variance() -> None:
    schedule = cosine(200)
    for t, s in (*sampling_pairs(linear(200)), *sampling_pairs(linear(200), 11)):
        ddim, ddpm = (sampler.coefficients(schedule, t, s) for sampler in (DDIMSampler(1.0), DDPMSampler("posterior")))
        assert ddim.fresh_noise == pytest.approx(ddpm.fresh_noise, rel=1e-9, abs=1e-15)
        assert ddim.predicted_noise == pytest.approx(ddpm.predicted_noise, rel=1e-7)
        assert ddim.state == ddpm.state


@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler(0.0), EulerSampler()])
@pytest.mark.parametrize("schedule", [linear(1), linear(2), cosine(1000)])
def test_the_last_step_gives_the_predicted_picture_without_fresh_noise(sampler: Sampler, schedule) -> None:
    for t in {0, schedule.step_count - 1}:
        coefficients = sampler.coefficients(schedule, t, -1)
        signal, sigma = math.sqrt(schedule.alpha_bar_at(t)), math.sqrt(schedule.one_minus_alpha_bar_at(t))
        assert coefficients.fresh_noise == 0.0
        assert coefficients.state == pytest.approx(1 / signal, rel=1e-9)
        assert coefficients.predicted_noise == pytest.approx(sigma / signal, rel=1e-9)


@pytest.mark.parametrize("sampler", [EulerSampler(), HeunSampler(), DPMSolverSampler(), UniPCSampler()])
@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000), linear(3)])
def test_every_rule_without_fresh_noise_has_the_numbers_of_ddim(sampler: Sampler, schedule) -> None:
    for t, s in sampling_pairs(schedule):
        coefficients, ddim = sampler.coefficients(schedule, t, s), DDIMSampler().coefficients(schedule, t, s)
        assert coefficients.fresh_noise == ddim.fresh_noise == 0.0
        assert coefficients.state == ddim.state
        assert coefficients.predicted_noise == pytest.approx(ddim.predicted_noise, rel=1e-12)


def test_euler_is_a_straight_line_in_the_variables_of_karras() -> None:
    schedule = cosine(1000)
    for t, s in sampling_pairs(schedule, 40):
        coefficients = EulerSampler().coefficients(schedule, t, s)
        sigma_t, sigma_s = (
            math.sqrt(schedule.one_minus_alpha_bar_at(index) / schedule.alpha_bar_at(index)) for index in (t, s)
        )
        z, eps = 0.7, -1.1
        x = z / math.sqrt(schedule.alpha_bar_at(t)) + (sigma_s - sigma_t) * eps
        mean = coefficients.state * z - coefficients.predicted_noise * eps
        assert mean == pytest.approx(math.sqrt(schedule.alpha_bar_at(s)) * x, rel=1e-9)


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_a_kind_says_of_itself_is_so(name: str) -> None:
    kind = SAMPLERS[name]
    assert kind.name == name
    assert kind.spacing in SPACINGS
    assert kind.calls_per_step == kind.make().model_calls(7) == (2 if name == "heun" else 1)
    assert kind.label
    assert kind.description.endswith(".")


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_is_made_by_name_with_the_defaults_it_shows(name: str) -> None:
    defaults = {option.name: option.default for option in SAMPLERS[name].options}
    sampler = make_sampler(name, **defaults)
    assert sampler == make_sampler(name)
    assert sampler.name == name
    assert isinstance(sampler, Sampler)
    for option in SAMPLERS[name].options:
        for value in [choice for choice, _ in option.choices] or [option.minimum, option.maximum]:
            assert getattr(make_sampler(name, **{option.name: value}), option.name) == value


def test_unknown_samplers_options_and_values_are_named() -> None:
    with pytest.raises(SettingsError, match=r"'rk45'.*ddpm, ddim, euler, heun, dpmpp2m, unipc"):
        make_sampler("rk45")
    with pytest.raises(SettingsError, match=r"heun.*'eta'.*none"):
        make_sampler("heun", eta=0.5)
    with pytest.raises(SettingsError, match=r"'eta'.*variance"):
        make_sampler("ddpm", eta=0.5)
    with pytest.raises(SettingsError, match="'learned'"):
        DDPMSampler("learned")
    for eta in (-0.1, 1.1, float("nan")):
        with pytest.raises(SettingsError, match="η"):
            DDIMSampler(eta)
