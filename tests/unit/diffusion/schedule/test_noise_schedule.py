"""The noise schedule: its numbers, its validation, its warnings, its JSON."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    SCHEDULES,
    NoiseSchedule,
    ScheduleWarning,
    cosine,
    linear,
    log_snr_slope,
    make_schedule,
    schedule_from_log_snr,
)
from studio.errors import ScheduleError


def test_alpha_bar_is_the_product_of_one_minus_beta() -> None:
    schedule = linear(50)
    exact, products = Fraction(1), []
    for beta in schedule.beta.tolist():
        exact *= 1 - Fraction(beta)
        products.append(exact)
    np.testing.assert_allclose(schedule.alpha_bar, [float(p) for p in products], rtol=1e-14)
    np.testing.assert_allclose(schedule.one_minus_alpha_bar, [float(1 - p) for p in products], rtol=1e-14)
    np.testing.assert_allclose(schedule.snr, [float(p / (1 - p)) for p in products], rtol=1e-13)
    np.testing.assert_allclose(schedule.log_snr, [math.log(p / (1 - p)) for p in products], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(schedule.sqrt_alpha_bar**2 + schedule.sqrt_one_minus_alpha_bar**2, 1.0, rtol=1e-14)


def test_the_first_noise_level_does_not_suffer_from_cancellation() -> None:
    schedule = linear(1000, beta_start=1e-6)
    assert schedule.one_minus_alpha_bar[0] == pytest.approx(1e-6, rel=1e-12)
    assert schedule.log_snr[0] == pytest.approx(math.log((1 - 1e-6) / 1e-6), rel=1e-12)


def test_posterior_variance_is_zero_at_first_and_below_beta_afterwards() -> None:
    schedule = linear(1000)
    share = schedule.posterior_variance / schedule.beta
    assert share[0] == 0.0
    assert (np.diff(share) > 0).all()
    assert share[-1] < 1.0
    # β̃/β at t = 2, 3, 10 and 100 of the DDPM paper's schedule.
    np.testing.assert_allclose(share[[1, 2, 9, 99]], [0.455, 0.611, 0.853, 0.982], atol=6e-4)


def test_every_array_is_float64_and_read_only() -> None:
    schedule = cosine(10)
    names = ("beta", "alpha_bar", "sqrt_alpha_bar", "sqrt_one_minus_alpha_bar", "snr", "log_snr", "posterior_variance")
    for name in names:
        values = getattr(schedule, name)
        assert values.dtype == np.float64
        assert values.shape == (10,)
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0.5


def test_the_schedule_does_not_share_the_callers_array() -> None:
    beta = np.array([0.1, 0.2])
    schedule = NoiseSchedule(beta)
    beta[0] = 0.9
    assert schedule.beta[0] == 0.1


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([0.1, 1.5], "step 2 is 1.5"),
        ([0.1, 0.2, 0.0], "step 3 is 0.0"),
        ([-0.1], "step 1 is -0.1"),
        ([0.1, float("nan")], "step 2 is nan"),
        ([0.1, 1.0], "step 2 is 1.0"),
    ],
)
def test_a_beta_outside_zero_to_one_is_named(values: list[float], named: str) -> None:
    with pytest.raises(ScheduleError, match=named):
        NoiseSchedule(np.array(values))


@pytest.mark.parametrize("values", [[], [[0.1, 0.2]], "many", [0.1, [0.2]]])
def test_what_is_no_list_of_numbers_is_refused(values: object) -> None:
    with pytest.raises(ScheduleError):
        NoiseSchedule(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, -3, 100_001, 2.5, True])
@pytest.mark.parametrize("make", [linear, cosine])
def test_an_impossible_number_of_steps_is_refused(make, count) -> None:
    with pytest.raises(ScheduleError, match="number of steps"):
        make(count)


@example(20)
@given(st.integers(1, 3000))
def test_linear_stays_linear_increasing_and_ends_in_noise_for_any_number_of_steps(count: int) -> None:
    schedule = linear(count)
    gaps = np.diff(schedule.beta)
    assert (gaps > 0).all()
    np.testing.assert_allclose(gaps, gaps.mean() if gaps.size else 0, rtol=1e-6)
    assert schedule.beta.max() <= 0.999
    # With 20 steps, where the limit on β ends the scaling, ᾱ_T is small enough to be spoken of.
    if count > 3 and count != 20:
        assert schedule.warnings() == ()


@given(st.integers(1, 3000))
def test_cosine_ends_in_noise_for_any_number_of_steps(count: int) -> None:
    schedule = cosine(count)
    assert ((schedule.beta > 0) & (schedule.beta <= 0.999)).all()
    if count > 2:
        assert {warning.code for warning in schedule.warnings()} <= {"coarse_first_step"}
    if count > 10:
        assert schedule.warnings() == ()


def test_linear_scales_both_ends_with_the_number_of_steps() -> None:
    np.testing.assert_allclose(linear(1000).beta[[0, -1]], [1e-4, 0.02], rtol=1e-14)
    np.testing.assert_allclose(linear(100).beta[[0, -1]], [1e-3, 0.2], rtol=1e-14)
    np.testing.assert_allclose(linear(4000).beta[[0, -1]], [2.5e-5, 0.005], rtol=1e-14)
    # The scaling keeps what is left of the picture alike; without it 100 steps would leave √ᾱ_T = 0.6.
    assert linear(100).sqrt_alpha_bar[-1] == pytest.approx(linear(1000).sqrt_alpha_bar[-1], abs=0.002)


def test_a_last_beta_beyond_the_limit_is_kept_when_the_caller_asks_for_it() -> None:
    schedule = linear(1000, 1e-4, 0.9995)
    assert schedule.beta[-1] == pytest.approx(0.9995)
    assert "beta_near_one" in [warning.code for warning in schedule.warnings()]


def test_cosine_follows_its_equation() -> None:
    schedule = cosine(400, offset=0.01)
    u = np.arange(401) / 400
    f = np.cos((u + 0.01) / 1.01 * np.pi / 2) ** 2
    np.testing.assert_allclose(schedule.alpha_bar[:-1], f[1:-1] / f[0], rtol=1e-10)
    assert schedule.beta[-1] == 0.999


@pytest.mark.parametrize(
    ("beta", "code", "value"),
    [
        (np.linspace(1e-4, 0.02, 100), "terminal_signal", math.sqrt(np.prod(1 - np.linspace(1e-4, 0.02, 100)))),
        ([0.01, 0.5, 0.9, 0.9995], "beta_near_one", 0.9995),
        ([0.01, 0.5, 0.4, 0.4, 0.3, 0.99, 0.99], "not_increasing", 3),
        ([0.01, *[0.99] * 6], "amplification", 1 / math.sqrt(0.99 * 0.01**6)),
        ([0.25, 0.9, 0.999], "coarse_first_step", 0.5),
    ],
)
def test_warnings_carry_their_number_and_a_remedy(beta, code: str, value: float) -> None:
    found = {warning.code: warning for warning in NoiseSchedule(np.array(beta)).warnings()}
    assert code in found
    assert found[code].value == pytest.approx(value)
    assert found[code].message.endswith(".")
    assert found[code].remedy.endswith(".")


def _warning(schedule: NoiseSchedule, code: str) -> ScheduleWarning:
    (found,) = [warning for warning in schedule.warnings() if warning.code == code]
    assert found.message.endswith(".")
    assert found.remedy.endswith(".")
    return found


def test_most_steps_outside_of_what_is_seen_are_spoken_of() -> None:
    # log SNR from 18 to −18 in equal steps: seen from log 1000 = 6.9 to −6.9, which are 62 % of the way apart.
    wasted = _warning(log_snr_slope(1001, 18.0, -18.0), "wasted_steps")
    share = 2 * np.count_nonzero(np.linspace(18.0, 0.0, 501) > math.log(1000.0))
    assert wasted.value == pytest.approx((share - 1) / 1000)
    assert "62%" in wasted.message
    assert "wasted_steps" not in [warning.code for warning in log_snr_slope(1001, 13.0, -13.0).warnings()]


def test_one_step_that_goes_a_long_way_is_spoken_of() -> None:
    log_snr = np.concatenate((np.linspace(9.0, 1.0, 200), np.linspace(-2.0, -9.0, 200)))
    jump = _warning(schedule_from_log_snr(log_snr), "log_snr_jump")
    assert jump.value == pytest.approx(3.0)
    assert jump.message.startswith("Step 201 alone goes 30%")
    # Beyond what is seen a jump does no harm, nor with so few steps that each must go far.
    assert schedule_from_log_snr(np.concatenate((np.linspace(9.0, -6.0, 200), [-11.0]))).warnings() == ()
    assert "log_snr_jump" not in [w.code for w in schedule_from_log_snr(np.linspace(9.0, -9.0, 6)).warnings()]


def test_a_beta_too_small_to_change_anything_is_spoken_of() -> None:
    still = _warning(NoiseSchedule(np.array([0.1, 1e-18, 0.3, 1e-17, 0.9])), "snr_not_falling")
    assert still.value == 2
    assert "first at step 2, where β is only 1e-18" in still.message


def test_falls_of_beta_where_neither_noise_nor_picture_is_seen_are_let_be() -> None:
    quiet = schedule_from_log_snr(np.concatenate((np.linspace(12.0, 7.5, 10), np.linspace(7.4, -10.0, 400))))
    assert quiet.beta[9] > quiet.beta[10]
    assert "not_increasing" not in [warning.code for warning in quiet.warnings()]
    seen = schedule_from_log_snr(np.concatenate((np.linspace(12.0, 4.5, 10), np.linspace(4.4, -10.0, 400))))
    assert _warning(seen, "not_increasing").value >= 1


def test_warnings_are_numbers_even_for_the_least_and_the_greatest_beta() -> None:
    for beta in ([5e-324] * 3, [math.nextafter(1.0, 0.0)] * 50, [1e-300, 0.5]):
        for warning in NoiseSchedule(np.array(beta)).warnings():
            assert math.isfinite(warning.value)
            assert len(warning.message) < 200


def test_the_usual_schedules_have_no_warnings() -> None:
    assert linear().warnings() == ()
    assert cosine().warnings() == ()


def test_the_message_about_the_terminal_signal_names_it() -> None:
    warning = NoiseSchedule(np.full(10, 0.1)).warnings()[0]
    assert warning.code == "terminal_signal"
    assert "0.59" in warning.message


@pytest.mark.parametrize("schedule", [linear(1000), cosine(37), NoiseSchedule(np.array([0.1, 1 / 3, 0.7]))])
def test_json_loses_nothing(schedule: NoiseSchedule) -> None:
    back = NoiseSchedule.from_json(json.loads(json.dumps(schedule.to_json())))
    assert back == schedule
    assert back.beta.tobytes() == schedule.beta.tobytes()
    assert (back.kind, back.options) == (schedule.kind, schedule.options)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"beta": "0.1"},
        {"beta": []},
        {"beta": ["0.1"]},
        {"beta": [True]},
        {"beta": [None]},
        {"beta": [0.1, 2.0]},
        {"beta": [0.1], "kind": 3},
        {"beta": [0.1], "options": {"offset": "wide"}},
        {"beta": [0.1], "options": [1]},
        [0.1],
        {"beta": [0.5] * 100_001},
    ],
)
def test_damaged_json_is_refused_with_a_sentence(content: object) -> None:
    with pytest.raises(ScheduleError):
        NoiseSchedule.from_json(content)  # type: ignore[arg-type]


def test_schedules_are_equal_when_every_beta_is() -> None:
    assert linear(10) == NoiseSchedule(linear(10).beta)
    assert hash(linear(10)) == hash(NoiseSchedule(linear(10).beta))
    assert linear(10) != linear(11)
    assert linear(10) != cosine(10)
    assert linear(10) != "linear"


def test_index_minus_one_is_the_picture_itself() -> None:
    schedule = linear(10)
    assert schedule.alpha_bar_at(-1) == 1.0
    assert schedule.one_minus_alpha_bar_at(-1) == 0.0
    assert schedule.alpha_bar_at(9) == schedule.alpha_bar[9]
    for t in (-2, 10):
        with pytest.raises(ScheduleError):
            schedule.alpha_bar_at(t)


def test_beta_between_is_one_minus_the_quotient_and_beta_itself_for_neighbours() -> None:
    schedule = linear(1000)
    assert schedule.beta_between(400, 399) == schedule.beta[400]
    assert schedule.beta_between(0, -1) == schedule.beta[0]
    assert schedule.beta_between(400, 100) == pytest.approx(1 - schedule.alpha_bar[400] / schedule.alpha_bar[100])
    assert schedule.kept_between(400, 399) == 1 - schedule.beta[400]
    assert schedule.kept_between(400, 100) == pytest.approx(schedule.alpha_bar[400] / schedule.alpha_bar[100])
    assert cosine().kept_between(999, -1) == pytest.approx(cosine().alpha_bar[-1], rel=1e-12)
    assert schedule.beta_between(400, -1) == pytest.approx(1 - schedule.alpha_bar[400])
    for t, s in ((3, 3), (3, 4), (1000, 3), (3, -2)):
        with pytest.raises(ScheduleError):
            schedule.beta_between(t, s)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_kind_is_made_by_name_with_its_defaults_and_within_its_ranges(kind: str) -> None:
    options = SCHEDULES[kind].options
    defaults = {option.name: option.default for option in options}
    assert make_schedule(kind, 100) == make_schedule(kind, 100, **defaults)
    assert make_schedule(kind, 100).kind == kind
    assert make_schedule(kind, 100).options == defaults
    for option in options:
        assert option.minimum <= option.default <= option.maximum
        for value in (option.minimum, option.maximum):
            assert make_schedule(kind, 100, **{option.name: value}).step_count == 100
        for value in (option.minimum - 1, option.maximum + 1, float("nan"), "much", True):
            with pytest.raises(ScheduleError, match=option.label):
                make_schedule(kind, 100, **{option.name: value})


def test_unknown_kinds_and_options_are_named() -> None:
    with pytest.raises(ScheduleError, match=r"'cubic'.*linear, cosine"):
        make_schedule("cubic", 10)
    with pytest.raises(ScheduleError, match=r"'offset'.*beta_start, beta_end"):
        make_schedule("linear", 10, offset=0.1)
