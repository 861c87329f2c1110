"""The same schedule with another number of steps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    SCHEDULES,
    DrawnCurve,
    NoiseSchedule,
    cosine,
    drawn,
    is_as_described,
    karras,
    linear,
    rescale_zero_terminal_snr,
    schedule_from_beta,
    with_steps,
)
from studio.errors import ScheduleError

STEP_COUNTS = (1, 2, 50, 400, 3000)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_schedule_made_by_name_is_made_again(kind: str) -> None:
    options = {option.name: option.default for option in SCHEDULES[kind].options}
    last = list(options)[-1]
    options[last] *= 0.9
    schedule = SCHEDULES[kind].make(200, **options)
    for step_count in STEP_COUNTS:
        scaled = with_steps(schedule, step_count)
        assert scaled == SCHEDULES[kind].make(step_count, **options)
        assert (scaled.kind, scaled.options) == (kind, options)
        assert with_steps(scaled, 200) == schedule


def test_as_many_steps_are_the_schedule_itself() -> None:
    schedule = schedule_from_beta([0.1, 0.3])
    assert with_steps(schedule, 2) is schedule


@pytest.mark.parametrize("quantity", ["alpha_bar", "log_snr", "beta"])
def test_a_drawn_schedule_follows_its_curve(quantity: str) -> None:
    values = {"alpha_bar": (1.0, 0.6, 1e-3), "log_snr": (8.0, 1.0, -9.0), "beta": (1e-4, 4e-3, 0.03)}[quantity]
    curve = DrawnCurve(quantity, tuple(zip((0.0, 0.6, 1.0), values, strict=True)))
    for step_count in STEP_COUNTS:
        assert with_steps(drawn(curve, 200), step_count) == drawn(curve, step_count)
    assert with_steps(drawn(curve, 200), 50).curve == curve


@given(st.lists(st.floats(1e-5, 0.5), min_size=1, max_size=40), st.integers(1, 300))
def test_numbers_keep_the_picture_and_the_last_noise(beta: list[float], step_count: int) -> None:
    schedule = schedule_from_beta(beta)
    scaled = with_steps(schedule, step_count)
    assert scaled.step_count == step_count
    assert scaled.kind == "custom"
    assert scaled.log_alpha_bar[-1] == pytest.approx(schedule.log_alpha_bar[-1], rel=1e-9)
    assert (np.diff(scaled.log_alpha_bar, prepend=0.0) < 0.0).all()


def test_numbers_with_half_the_steps_lie_on_every_second_of_the_old() -> None:
    schedule = schedule_from_beta(cosine(100).beta)
    np.testing.assert_allclose(with_steps(schedule, 50).alpha_bar, schedule.alpha_bar[1::2], rtol=1e-12)
    # Ten times finer and back: the old steps are among the new.
    np.testing.assert_allclose(with_steps(with_steps(schedule, 1000), 100).beta, schedule.beta, rtol=1e-9)


def test_the_ends_of_noise_levels_do_not_move() -> None:
    for step_count in STEP_COUNTS[1:]:
        np.testing.assert_allclose(with_steps(karras(100), step_count).log_snr[[0, -1]], karras(100).log_snr[[0, -1]])


@pytest.mark.parametrize(
    "schedule",
    [
        linear(100),
        schedule_from_beta(linear(100).beta),
        drawn(DrawnCurve("alpha_bar", ((0.0, 1.0), (1.0, 0.1))), 100),
    ],
)
def test_zero_terminal_snr_stays_what_it_is(schedule: NoiseSchedule) -> None:
    rescaled = rescale_zero_terminal_snr(schedule)
    for step_count in STEP_COUNTS:
        scaled = with_steps(rescaled, step_count)
        assert scaled.zero_terminal_snr
        assert scaled.alpha_bar[-1] <= 2.0**-24 * (1.0 + 1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cosine", "options": {}},
        {"options": {"beta_start": 1e-4, "beta_end": 0.03}},
        {"options": {"beta_start": 1e-4, "beta_end": 2.0}},
        {"options": {"slope": 1.0}},
        {"kind": "drawn", "curve": DrawnCurve("alpha_bar", ((0.0, 1.0), (1.0, 0.1)))},
        {"zero_terminal_snr": True},
    ],
)
def test_a_description_that_does_not_fit_its_beta_is_not_believed(change) -> None:
    schedule = dataclasses.replace(linear(100), **change)
    numbers = schedule_from_beta(linear(100).beta)
    assert with_steps(schedule, 70) == with_steps(numbers, 70)


@pytest.mark.parametrize("step_count", [0, 100_001, 1.5])
def test_impossible_numbers_of_steps_are_refused(step_count) -> None:
    with pytest.raises(ScheduleError):
        with_steps(linear(10), step_count)


def test_a_schedule_is_as_described_only_when_its_name_makes_these_numbers() -> None:
    assert is_as_described(cosine(300))
    assert is_as_described(rescale_zero_terminal_snr(linear(300)))
    assert is_as_described(drawn(DrawnCurve("log_snr", ((0.0, 9.0), (1.0, -9.0))), 20))
    assert not is_as_described(schedule_from_beta([0.1, 0.3]))
    assert not is_as_described(dataclasses.replace(linear(300), kind="cosine", options={}))
    assert not is_as_described(dataclasses.replace(linear(300), options={"beta_end": 0.03}))
