"""Schedules by name: diffusers' numbers where it has them, their equations where it does not, at any T."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EulerDiscreteScheduler
from hypothesis import example, given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    SCHEDULES,
    cosine,
    karras,
    linear,
    log_snr_slope,
    quadratic,
    sigmoid,
    sigmoid_beta,
)
from studio.errors import ScheduleError

THEIRS = {
    "linear": linear,
    "scaled_linear": quadratic,
    "sigmoid": sigmoid_beta,
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("step_count", [1000, 250, 4000])
@pytest.mark.parametrize(("beta_start", "beta_end"), [(1e-4, 0.02), (0.00085, 0.012)])
def test_schedules_in_beta_are_those_of_diffusers(
    name: str, step_count: int, beta_start: float, beta_end: float
) -> None:
    # Theirs do not scale with T.
    scale = 1000 / step_count
    theirs = DDPMScheduler(step_count, beta_start * scale, beta_end * scale, beta_schedule=name)
    ours = THEIRS[name](step_count, beta_start, beta_end)
    np.testing.assert_allclose(ours.beta, theirs.betas.numpy(), rtol=2e-5)
    np.testing.assert_allclose(ours.alpha_bar, theirs.alphas_cumprod.numpy(), rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("step_count", [1000, 250])
def test_cosine_is_that_of_diffusers(step_count: int) -> None:
    theirs = DDPMScheduler(step_count, beta_schedule="squaredcos_cap_v2")
    np.testing.assert_allclose(cosine(step_count).beta, theirs.betas.numpy(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("sigma_min", "sigma_max"), [(0.002, 80.0), (0.03, 14.6)])
@pytest.mark.parametrize("step_count", [2, 18, 1000])
def test_karras_levels_are_those_of_diffusers(sigma_min: float, sigma_max: float, step_count: int) -> None:
    ends = torch.tensor([sigma_max, sigma_min], dtype=torch.float64)
    theirs = EulerDiscreteScheduler()._convert_to_karras(ends, step_count)
    schedule = karras(step_count, sigma_min, sigma_max)
    sigma = np.sqrt(schedule.one_minus_alpha_bar / schedule.alpha_bar)
    np.testing.assert_allclose(sigma, theirs[::-1], rtol=1e-10)


def test_karras_with_rho_one_spaces_the_levels_evenly() -> None:
    schedule = karras(11, 1.0, 21.0, rho=1.0)
    np.testing.assert_allclose(1.0 / np.sqrt(schedule.snr), np.arange(1.0, 22.0, 2.0), rtol=1e-12)


def _chens_alpha_bar(t: float, start: float, end: float, tau: float) -> float:
    """Algorithm 1 of arXiv 2301.10972, in plain numbers."""

    def logistic(x: float) -> float:
        return 1.0 / (1.0 + math.exp(-x))

    low, high = logistic(start / tau), logistic(end / tau)
    return min(max((high - logistic((t * (end - start) + start) / tau)) / (high - low), 1e-9), 1.0)


@pytest.mark.parametrize(("start", "end", "tau"), [(-3.0, 3.0, 1.0), (0.0, 3.0, 0.7), (-3.0, 3.0, 0.3)])
def test_sigmoid_is_chens_but_for_the_cut_last_beta(start: float, end: float, tau: float) -> None:
    schedule = sigmoid(400, start, end, tau)
    expected = [_chens_alpha_bar(t / 400, start, end, tau) for t in range(1, 401)]
    np.testing.assert_allclose(schedule.alpha_bar[:-1], expected[:-1], rtol=1e-9)
    assert schedule.beta[-1] == pytest.approx(min(1.0 - expected[-1] / expected[-2], 0.999), rel=1e-9)


def test_the_two_sigmoids_are_different_schedules() -> None:
    assert np.abs(sigmoid(1000).alpha_bar - sigmoid_beta(1000).alpha_bar).max() > 0.2


@given(st.integers(2, 3000), st.floats(2.0, 15.0), st.floats(-15.0, -2.0))
def test_log_snr_falls_by_the_same_at_every_step(step_count: int, first: float, last: float) -> None:
    log_snr = log_snr_slope(step_count, first, last).log_snr
    np.testing.assert_allclose(log_snr, np.linspace(first, last, step_count), rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("kind", SCHEDULES)
@example(1)
@example(2)
@example(100_000)
@given(step_count=st.integers(1, 3000))
def test_every_kind_is_a_falling_alpha_bar_for_any_number_of_steps(kind: str, step_count: int) -> None:
    schedule = SCHEDULES[kind].make(step_count)
    assert schedule.step_count == step_count
    assert (np.diff(schedule.alpha_bar, prepend=1.0) < 0.0).all()
    assert schedule.alpha_bar[-1] > 0.0
    if step_count > 4:
        assert "terminal_signal" not in {warning.code for warning in schedule.warnings()}


@pytest.mark.parametrize("kind", SCHEDULES)
@given(data=st.data(), step_count=st.integers(1, 400))
def test_every_kind_is_valid_wherever_its_controls_stand(kind: str, data: st.DataObject, step_count: int) -> None:
    options = {
        option.name: data.draw(st.floats(option.minimum, option.maximum), option.name)
        for option in SCHEDULES[kind].options
    }
    schedule = SCHEDULES[kind].make(step_count, **options)
    assert (schedule.kind, schedule.options) == (kind, options)
    assert ((schedule.beta > 0.0) & (schedule.beta < 1.0)).all()
    for warning in schedule.warnings():
        assert math.isfinite(warning.value)


@pytest.mark.parametrize("kind", ["linear", "quadratic", "sigmoid_beta"])
def test_ends_in_beta_are_meant_for_a_thousand_steps(kind: str) -> None:
    make = SCHEDULES[kind].make
    for step_count in (500, 2000):
        np.testing.assert_allclose(make(step_count).beta[[0, -1]], make(1000).beta[[0, -1]] * (1000 / step_count))
        assert make(step_count).sqrt_alpha_bar[-1] == pytest.approx(make(1000).sqrt_alpha_bar[-1], abs=5e-4)
    assert make(5).beta.max() == pytest.approx(0.999, rel=3e-3)


def test_the_defaults_end_in_noise_and_stable_diffusions_does_not() -> None:
    assert [kind.name for kind in SCHEDULES.values() if kind.make(1000).warnings()] == []
    assert [warning.code for warning in quadratic(1000, 0.00085, 0.012).warnings()] == ["terminal_signal"]


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (sigmoid, {"start": 3.0, "end": 3.0}),
        (sigmoid, {"tau": 0.0}),
        (sigmoid, {"start": 90.0, "end": 99.0}),
        (sigmoid, {"end": math.inf}),
        (karras, {"sigma_min": 0.0}),
        (karras, {"sigma_min": 80.0}),
        (karras, {"rho": 0.0}),
        (karras, {"rho": math.nan}),
        (karras, {"sigma_max": "80"}),
        (log_snr_slope, {"log_snr_max": -10.0}),
        (log_snr_slope, {"log_snr_min": -31.0}),
        (log_snr_slope, {"log_snr_max": True}),
        (quadratic, {"beta_start": 0.0}),
        (sigmoid_beta, {"beta_end": 1.0}),
    ],
)
def test_impossible_options_are_refused(make, options: dict[str, float]) -> None:
    with pytest.raises(ScheduleError):
        make(10, **options)
