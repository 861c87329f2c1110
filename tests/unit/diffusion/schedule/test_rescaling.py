"""Zero terminal SNR: diffusers' own function in float64 at every step but the last, and what becomes of that one."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr as their_rescaling
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion.schedule import SCHEDULES, NoiseSchedule, linear, quadratic, rescale_zero_terminal_snr
from studio.errors import ScheduleError


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("step_count", [2, 10, 1000])
def test_all_but_the_last_step_are_those_of_diffusers(kind: str, step_count: int) -> None:
    schedule = SCHEDULES[kind].make(step_count)
    theirs = their_rescaling(torch.from_numpy(schedule.beta.copy())).numpy()
    assert theirs[-1] == 1.0
    rescaled = rescale_zero_terminal_snr(schedule)
    np.testing.assert_allclose(rescaled.beta[:-1], theirs[:-1], rtol=1e-8, atol=1e-15)


def test_stable_diffusions_schedule_ends_in_noise_afterwards() -> None:
    schedule = quadratic(1000, 0.00085, 0.012)
    rescaled = rescale_zero_terminal_snr(schedule)
    assert rescaled.alpha_bar[0] == pytest.approx(schedule.alpha_bar[0], rel=1e-14)
    assert rescaled.alpha_bar[-1] <= 2.0**-24
    assert rescaled.warnings() == ()


def test_the_last_step_keeps_the_trace_that_diffusers_keeps() -> None:
    theirs = DPMSolverMultistepScheduler(
        beta_start=0.001, beta_end=0.2, num_train_timesteps=100, rescale_betas_zero_snr=True
    )
    rescaled = rescale_zero_terminal_snr(linear(100))
    assert rescaled.alpha_bar[-1] == pytest.approx(float(theirs.alphas_cumprod[-1]), rel=1e-9)


def test_a_last_step_fainter_than_the_trace_keeps_a_quarter_of_the_one_before() -> None:
    rescaled = rescale_zero_terminal_snr(linear(1000))
    assert rescaled.alpha_bar[-2] < 2.0**-24
    assert rescaled.alpha_bar[-1] == pytest.approx(rescaled.alpha_bar[-2] / 4.0, rel=1e-9)


@given(st.lists(st.floats(1e-6, 0.999), min_size=1, max_size=40))
def test_any_schedule_stays_valid_and_ends_in_noise(beta: list[float]) -> None:
    rescaled = rescale_zero_terminal_snr(NoiseSchedule(np.array(beta)))
    assert ((rescaled.beta > 0.0) & (rescaled.beta < 1.0)).all()
    assert rescaled.alpha_bar[-1] <= 2.0**-24 * (1.0 + 1e-6)
    assert (np.diff(rescaled.log_alpha_bar) < 0.0).all()


def test_it_is_done_once_and_recorded() -> None:
    schedule = linear(100)
    rescaled = rescale_zero_terminal_snr(schedule)
    assert rescaled != schedule
    assert rescaled.zero_terminal_snr
    assert rescale_zero_terminal_snr(rescaled) is rescaled
    back = NoiseSchedule.from_json(json.loads(json.dumps(rescaled.to_json())))
    assert back == rescaled
    assert back.zero_terminal_snr
    assert (back.kind, back.options) == (schedule.kind, schedule.options)
    assert rescale_zero_terminal_snr(back) is back
    assert "zero_terminal_snr" not in schedule.to_json()


def test_the_last_beta_is_not_complained_of_when_it_is_near_one_on_purpose() -> None:
    rescaled = rescale_zero_terminal_snr(linear(10))
    assert rescaled.beta[-1] > 0.9999
    assert rescaled.warnings() == ()
    unrecorded = dataclasses.replace(rescaled, zero_terminal_snr=False)
    assert [warning.code for warning in unrecorded.warnings()] == ["beta_near_one"]


def test_a_last_step_without_noise_cannot_be_stretched() -> None:
    with pytest.raises(ScheduleError, match="1e-20"):
        rescale_zero_terminal_snr(NoiseSchedule(np.array([0.1, 0.2, 1e-20])))
