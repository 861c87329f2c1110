"""DPM-Solver++(2M) and UniPC against the integral that they approximate, done by quadrature.

Where x̂0 is known as a function of λ alone, the reverse process without fresh noise is solved by

    z_s = σ_s/σ_t z_t + σ_s ∫ e^λ x̂0(λ) dλ,      λ from λ_t to λ_s        (Lu et al., arXiv 2211.01095, proposition 4.1)
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad

from studio.diffusion import DPMSolverSampler, NoiseSchedule, Prediction, UniPCSampler, cosine, linear, reverse
from studio.diffusion.samplers.exponential import half_log_snr_step
from studio.diffusion.samplers.unipc import place_moments

Z = torch.tensor([[[[0.4, -1.2]]]], dtype=torch.float64)


class Scripted:
    """x̂0 is a polynomial in λ, whatever z is."""

    class_count = None

    def __init__(self, schedule: NoiseSchedule, *polynomial: float) -> None:
        self.schedule = schedule
        self.polynomial = np.polynomial.Polynomial(polynomial)

    def picture(self, half_log_snr: float) -> float:
        return float(self.polynomial(half_log_snr))

    def predict(self, z_t, t, condition=None) -> Prediction:
        x0 = torch.full_like(z_t, self.picture(0.5 * float(self.schedule.log_snr[t])))
        signal, sigma = float(self.schedule.sqrt_alpha_bar[t]), float(self.schedule.sqrt_one_minus_alpha_bar[t])
        return Prediction(eps=(z_t - signal * x0) / sigma, x0=x0)

    def solution(self, z: torch.Tensor, t: int, s: int) -> torch.Tensor:
        low, high = (0.5 * float(self.schedule.log_snr[index]) for index in (t, s))
        area = quad(lambda half: math.exp(half) * self.picture(half), low, high, epsabs=0, epsrel=1e-13)[0]
        sigma_t, sigma_s = (float(self.schedule.sqrt_one_minus_alpha_bar[index]) for index in (t, s))
        return sigma_s / sigma_t * z + sigma_s * area


@given(st.floats(1e-6, 60.0))
@example(0.01)
@example(math.nextafter(0.01, 0.0))
def test_the_moments_of_the_place_within_a_step(step: float) -> None:
    weight = quad(lambda u: math.exp(step * (u - 1)), 0, 1, epsabs=0, epsrel=1e-13)[0]
    for power, moment in enumerate(place_moments(step), 1):
        expected = quad(lambda u, power=power: u**power * math.exp(step * (u - 1)), 0, 1, epsabs=0, epsrel=1e-13)[0]
        assert moment == pytest.approx(expected / weight, rel=1e-10)


@pytest.mark.parametrize("schedule", [linear(100), cosine(100)])
def test_the_corrector_of_unipc_is_exact_for_a_parabola(schedule) -> None:
    denoiser = Scripted(schedule, 0.2, -0.1, 0.03)
    pairs = ((90, 70), (70, 55), (55, 31), (31, 12), (12, 4))
    steps = list(reverse(denoiser, schedule, UniPCSampler(), Z, pairs, lambda index: None))
    for before, step in itertools.pairwise(steps[1:]):
        exact = denoiser.solution(before.evaluation.departure, before.t, before.s)
        torch.testing.assert_close(step.evaluation.departure, exact, rtol=1e-11, atol=1e-11)
        # The correction did something: the predictor alone is not exact.
        assert not torch.allclose(step.z_t, exact, rtol=1e-4)


@pytest.mark.parametrize("sampler", [DPMSolverSampler(), UniPCSampler()], ids=repr)
def test_the_line_through_two_pictures_is_taken_at_the_middle_of_the_step(sampler) -> None:
    schedule = linear(100)
    denoiser = Scripted(schedule, 0.2, -0.4)
    *_, step = reverse(denoiser, schedule, sampler, Z, ((90, 70), (70, 55)), lambda index: None)
    # S of the module unipc, with x̄ half a step ahead on the line, which here is the very function.
    middle = 0.25 * float(schedule.log_snr[70] + schedule.log_snr[55])
    signal, sigma_t, sigma_s = (
        float(schedule.sqrt_alpha_bar[55]),
        float(schedule.sqrt_one_minus_alpha_bar[70]),
        float(schedule.sqrt_one_minus_alpha_bar[55]),
    )
    growth = 1 - math.exp(-half_log_snr_step(schedule, 70, 55))
    expected = sigma_s / sigma_t * step.evaluation.departure + signal * growth * denoiser.picture(middle)
    torch.testing.assert_close(step.z_s, expected, rtol=1e-12, atol=1e-12)


def test_the_first_correction_takes_the_mean_of_both_ends() -> None:
    schedule = linear(100)
    denoiser = Scripted(schedule, 0.2, -0.4)
    first, second = reverse(denoiser, schedule, UniPCSampler(), Z, ((90, 70), (70, 55)), lambda index: None)
    sigma_t, sigma_s = (float(schedule.sqrt_one_minus_alpha_bar[index]) for index in (90, 70))
    growth = 1 - math.exp(-half_log_snr_step(schedule, 90, 70))
    picture = 0.5 * (first.x0 + second.x0)
    expected = sigma_s / sigma_t * Z + float(schedule.sqrt_alpha_bar[70]) * growth * picture
    torch.testing.assert_close(second.evaluation.departure, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(first.evaluation.departure, Z)


def test_half_log_snr_steps() -> None:
    schedule = cosine(1000)
    assert half_log_snr_step(schedule, 5, -1) == math.inf
    ratio = [math.sqrt(float(schedule.snr[index])) for index in (600, 400)]
    assert half_log_snr_step(schedule, 600, 400) == pytest.approx(math.log(ratio[1] / ratio[0]), rel=1e-12)
