"""Schedules from numbers: every quantity gives back the schedule it was read off, and wrong numbers are named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    SCHEDULES,
    cosine,
    schedule_from_alpha_bar,
    schedule_from_beta,
    schedule_from_log_snr,
    schedule_from_sigma,
)
from studio.errors import ScheduleError


@pytest.mark.parametrize("kind", SCHEDULES)
def test_all_quantities_tell_of_the_same_schedule(kind: str) -> None:
    schedule = SCHEDULES[kind].make(300)
    assert schedule_from_beta(schedule.beta.tolist()) == schedule
    np.testing.assert_allclose(schedule_from_alpha_bar(schedule.alpha_bar).beta, schedule.beta, rtol=1e-9)
    np.testing.assert_allclose(schedule_from_log_snr(schedule.log_snr).beta, schedule.beta, rtol=1e-9)
    np.testing.assert_allclose(schedule_from_sigma(schedule.snr**-0.5).beta, schedule.beta, rtol=1e-9)
    assert schedule_from_sigma(schedule.snr**-0.5).kind == "custom"


@example([20.0, 19.999999999, 0.0, -20.0])
@example([32.0, math.nextafter(32.0, 0.0), -32.0])
@given(st.lists(st.floats(-32.0, 32.0), min_size=1, max_size=30, unique=True))
def test_any_falling_log_snr_is_a_schedule(values: list[float]) -> None:
    values.sort(reverse=True)
    schedule = schedule_from_log_snr(values)
    assert (np.diff(schedule.log_alpha_bar, prepend=0.0) < 0.0).all()
    # Nearer to the ends the least β that float64 tells apart is no longer small beside the noise, or the picture.
    if max(np.abs(values)) <= 20.0:
        np.testing.assert_allclose(schedule.log_snr, values, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "values", "named"),
    [
        (schedule_from_beta, [0.1, 1.0], "β at step 2"),
        (schedule_from_alpha_bar, [0.9, 0.5, 0.5], "ᾱ does not fall at step 3"),
        (schedule_from_alpha_bar, [0.5, 0.9], "0.5 is followed by 0.9"),
        (schedule_from_alpha_bar, [1.0, 0.9], "ᾱ at step 1 is 1.0"),
        (schedule_from_alpha_bar, [0.9, 0.0], "ᾱ at step 2 is 0.0"),
        (schedule_from_alpha_bar, [0.9, float("nan")], "ᾱ at step 2 is nan"),
        (schedule_from_alpha_bar, cosine().alpha_bar[::-1], "turn the list round"),
        (schedule_from_sigma, [80.0, 1.0, 0.01], "σ does not rise at step 2"),
        (schedule_from_sigma, [1.0, float("inf")], "σ at step 2 is inf"),
        (schedule_from_sigma, [0.0, 1.0], "σ at step 1 is 0.0"),
        (schedule_from_log_snr, [40.0, 1.0], "log SNR at step 1 is 40.0"),
        (schedule_from_log_snr, [1.0, 2.0], "log SNR does not fall at step 2"),
        (schedule_from_log_snr, [], "number of steps T is 0"),
        (schedule_from_sigma, np.arange(1, 100_002), "number of steps T is 100001"),
        (schedule_from_sigma, [[1.0, 2.0]], "array of shape"),
        (schedule_from_sigma, ["one"], "list of numbers"),
        (schedule_from_sigma, [10**400], "list of numbers"),
    ],
)
def test_wrong_numbers_are_named(make, values, named: str) -> None:
    with pytest.raises(ScheduleError, match=named):
        make(values)
