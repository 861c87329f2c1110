"""Schedules drawn by hand: any valid curve is a valid schedule, and an invalid one is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    DRAWN_QUANTITIES,
    SCHEDULES,
    DrawnCurve,
    NoiseSchedule,
    cosine,
    curve_through,
    drawn,
    karras,
    linear,
    log_snr_slope,
)
from studio.errors import ScheduleError


@st.composite
def curves(draw: st.DrawFn) -> DrawnCurve:
    """Handles anywhere in the range, also as close to each other and as steep as is allowed."""
    quantity = DRAWN_QUANTITIES[draw(st.sampled_from(sorted(DRAWN_QUANTITIES)))]
    count = draw(st.integers(2, 8))
    inner = sorted(draw(st.lists(st.integers(1, 499_998), min_size=count - 2, max_size=count - 2, unique=True)))
    # β above this, over a thousand steps, leaves less than may be left.
    highest = 0.09 if quantity.name == "beta" else quantity.maximum
    heights = draw(
        st.lists(st.floats(quantity.minimum, highest), min_size=count, max_size=count, unique=True).filter(
            lambda values: min(np.diff(sorted(values))) > 1e-9
        )
    )
    heights.sort(reverse=quantity.falls)
    return DrawnCurve(quantity.name, tuple(zip([0.0, *(u / 499_999 for u in inner), 1.0], heights, strict=True)))


@example(DrawnCurve("alpha_bar", ((0.0, 1.0), (0.5, 1.0 - 2e-9), (1.0, 1.0 - 4e-9))), 100_000)
@example(DrawnCurve("alpha_bar", ((0.0, 1.0), (1e-6, 2e-7), (1.0, 2.0**-24))), 100_000)
@example(DrawnCurve("log_snr", ((0.0, 20.0), (1.0, 19.9))), 100_000)
@example(DrawnCurve("log_snr", ((0.0, 20.0), (0.9, -19.9), (1.0, -20.0))), 100_000)
@example(DrawnCurve("beta", ((0.0, 1e-8), (1.0, 1e-8))), 100_000)
@example(DrawnCurve("beta", ((0.0, 0.095), (1.0, 0.095))), 100_000)
@example(DrawnCurve("beta", ((0.0, 1e-8), (0.999, 0.01), (1.0, 0.999))), 1)
@given(curves(), st.integers(1, 2000))
def test_any_drawn_curve_is_a_falling_alpha_bar_between_one_and_zero(curve: DrawnCurve, step_count: int) -> None:
    schedule = drawn(curve, step_count)
    assert schedule.step_count == step_count
    assert ((schedule.beta > 0.0) & (schedule.beta < 1.0)).all()
    assert schedule.alpha_bar[0] < 1.0
    assert schedule.alpha_bar[-1] > 0.0
    assert (np.diff(schedule.alpha_bar) < 0.0).all()


def test_a_curve_on_alpha_passes_through_its_handles() -> None:
    schedule = drawn(DrawnCurve("alpha_bar", ((0.0, 1.0), (0.25, 0.9), (0.5, 0.2), (1.0, 0.001))), 100)
    np.testing.assert_allclose(schedule.alpha_bar[[24, 49, 99]], [0.9, 0.2, 0.001], rtol=1e-12)


def test_a_straight_curve_on_log_snr_is_the_constant_slope() -> None:
    schedule = drawn(DrawnCurve("log_snr", ((0.0, 9.0), (0.3, 4.2), (1.0, -7.0))), 77)
    np.testing.assert_allclose(schedule.beta, log_snr_slope(77, 9.0, -7.0).beta, rtol=1e-10)


def test_a_straight_curve_on_beta_is_the_linear_schedule_and_keeps_its_noise_at_any_number_of_steps() -> None:
    curve = DrawnCurve("beta", ((0.0, 1e-4), (0.4, 0.00806), (1.0, 0.02)))
    np.testing.assert_allclose(drawn(curve, 1000).beta, linear(1000).beta, rtol=1e-12)
    for step_count in (50, 200, 5000):
        np.testing.assert_allclose(
            drawn(curve, step_count).log_alpha_bar[-1], linear(1000).log_alpha_bar[-1], rtol=0.03
        )


def test_beta_is_meant_for_the_number_of_steps_it_was_drawn_for() -> None:
    curve = DrawnCurve("beta", ((0.0, 0.002), (1.0, 0.4)), reference_steps=50)
    np.testing.assert_allclose(drawn(curve, 50).beta, np.linspace(0.002, 0.4, 50), rtol=1e-12)
    np.testing.assert_allclose((1.0 - drawn(curve, 100).beta[[0, -1]]) ** 2, [0.998, 0.6], rtol=1e-12)


@pytest.mark.parametrize(
    ("quantity", "handles", "named"),
    [
        ("gamma", ((0, 1), (1, 0.5)), "'gamma'"),
        (["alpha_bar"], ((0, 1), (1, 0.5)), "drawn on"),
        ("alpha_bar", ((0, 1.0),), "has 1 handles"),
        ("alpha_bar", tuple((k / 64, 1 - k / 100) for k in range(65)), "has 65 handles"),
        ("alpha_bar", 3, "pairs"),
        ("alpha_bar", ((0, 1.0), 5), "pairs"),
        ("alpha_bar", ((0, 1.0), (1, 0.5, 0.2)), "Handle 2"),
        ("alpha_bar", ((0, 1.0), (1, "0.5")), "Handle 2"),
        ("alpha_bar", ((0, 1.0), (1, True)), "Handle 2"),
        ("alpha_bar", ((0, 1.0), (1, float("nan"))), "Handle 2"),
        ("alpha_bar", ((0, 1.0), (1, -(10**400))), "Handle 2"),
        ("alpha_bar", ((0, 1.0), (0.5, 0.7), (1, 0.8)), r"from handle 2 \(0.7\) to handle 3 \(0.8\)"),
        ("alpha_bar", ((0, 1.0), (0.5, 0.7), (1, 0.7)), "from handle 2"),
        ("alpha_bar", ((0, 1.2), (1, 0.7)), "handle 1 is 1.2"),
        ("alpha_bar", ((0, 1.0), (1, 0.0)), "handle 2 is 0"),
        ("alpha_bar", ((0, 1.0), (0.5, 0.7), (0.5, 0.6), (1, 0.1)), "Handle 3 lies at u = 0.5"),
        ("alpha_bar", ((0, 1.0), (0.5, 0.7), (0.4, 0.6), (1, 0.1)), "Handle 3 lies at u = 0.4"),
        ("alpha_bar", ((0, 1.0), (1.5, 0.7)), "Handle 2 lies at u = 1.5"),
        ("alpha_bar", ((0.1, 1.0), (1, 0.7)), "from u = 0.1"),
        ("alpha_bar", ((0, 1.0), (0.9, 0.7)), "to u = 0.9"),
        ("log_snr", ((0, 21.0), (1, -3)), "log SNR of handle 1 is 21"),
        ("log_snr", ((0, -4.0), (1, -3)), "log SNR does not fall"),
        ("beta", ((0, 0.02), (1, 1e-4)), "β falls"),
        ("beta", ((0, 0.0), (1, 0.02)), "β of handle 1 is 0"),
        ("beta", ((0, 0.3), (1, 0.4)), "So much β"),
    ],
)
def test_impossible_handles_are_refused_by_name(quantity, handles, named: str) -> None:
    with pytest.raises(ScheduleError, match=named):
        DrawnCurve(quantity, handles)


@given(curves(), st.integers(1, 300))
def test_a_drawn_schedule_keeps_its_handles_in_its_json(curve: DrawnCurve, step_count: int) -> None:
    schedule = drawn(curve, step_count)
    back = NoiseSchedule.from_json(json.loads(json.dumps(schedule.to_json())))
    assert back.beta.tobytes() == schedule.beta.tobytes()
    assert (back.kind, back.curve) == ("drawn", curve)


@pytest.mark.parametrize(
    "curve",
    [
        5,
        {},
        {"quantity": "alpha_bar", "handles": "0 1"},
        {"quantity": "alpha_bar", "handles": [[0, 1], [1, 2]]},
        {"quantity": "alpha_bar", "handles": [[0, 1], [1, 0.5]], "reference_steps": 0},
        {"quantity": "alpha_bar", "handles": [[0, 1], [1, 0.5]], "reference_steps": 1.5},
        {"quantity": None, "handles": [[0, 1], [1, 0.5]]},
    ],
)
def test_damaged_handles_in_json_are_refused(curve: object) -> None:
    with pytest.raises(ScheduleError):
        NoiseSchedule.from_json({"kind": "drawn", "beta": [0.1], "curve": curve})


@pytest.mark.parametrize("quantity", ["alpha_bar", "log_snr"])
@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_curve_through_a_schedule_lies_close_to_it(quantity: str, kind: str) -> None:
    schedule = SCHEDULES[kind].make(1000)
    curve = curve_through(schedule, quantity, 12)
    assert len(curve.handles) <= 12
    np.testing.assert_allclose(drawn(curve, 1000).alpha_bar, schedule.alpha_bar, rtol=0.0, atol=0.02)


@pytest.mark.parametrize("kind", ["linear", "cosine", "sigmoid", "quadratic", "sigmoid_beta"])
def test_a_rising_beta_can_be_drawn_on(kind: str) -> None:
    schedule = SCHEDULES[kind].make(1000)
    np.testing.assert_allclose(
        drawn(curve_through(schedule, "beta", 12), 1000).alpha_bar, schedule.alpha_bar, rtol=0.0, atol=0.03
    )


@pytest.mark.parametrize("count", [6, 20])
def test_where_beta_falls_no_handle_is_put(count: int) -> None:
    schedule = karras(1000)
    heights = [value for _, value in curve_through(schedule, "beta", count).handles]
    assert len(heights) > 3
    assert heights == sorted(heights)
    assert heights[-1] == schedule.beta[-1] < schedule.beta.max()


def test_more_handles_come_closer_and_none_are_put_where_none_are_needed() -> None:
    def miss(count: int) -> float:
        return float(
            np.abs(drawn(curve_through(cosine(), "alpha_bar", count), 1000).alpha_bar - cosine().alpha_bar).max()
        )

    assert miss(4) > 2 * miss(8) > 4 * miss(16)
    assert len(curve_through(linear(), "beta", 20).handles) == 2


def test_what_no_curve_can_follow_is_refused() -> None:
    with pytest.raises(ScheduleError, match="'gamma'"):
        curve_through(linear(), "gamma")
    with pytest.raises(ScheduleError, match="No curve"):
        curve_through(linear(1), "alpha_bar")
    with pytest.raises(ScheduleError, match="β falls"):
        curve_through(NoiseSchedule(np.linspace(0.02, 0.01, 100)), "beta")
