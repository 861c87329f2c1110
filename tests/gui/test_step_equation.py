"""The equation on the screen says what the sampler computes."""

from __future__ import annotations

import dataclasses
import re

import pytest

from studio.app.microscope.step_equation import (
    DIRECTION,
    EPSILON_HAT,
    adds_noise,
    direction_sentence,
    direction_symbol,
    direction_terms,
    next_symbol,
    no_noise_reason,
    shown_coefficient,
    shown_time,
    step_columns,
    step_sentence,
)
from studio.app.widgets.math_text import plain_text, split_letters, split_subscripts
from tests.gui.denoise_helpers import recorded


def numbers(columns) -> list[float]:
    texts = [term.text for column in columns for term in column.terms if term.words]
    return [float(text.replace("−", "-")) for text in texts if re.fullmatch(r"−?\d+\.\d+", text)]


def meanings(columns) -> list[str]:
    return [column.meaning for column in columns if column.meaning]


def symbols(columns) -> str:
    return " ".join(term.text for column in columns for term in column.terms if not term.words)


def test_ddpm_shows_the_books_form():
    step = recorded(taken=None).frame(10)
    columns = step_columns(step, "ddpm", "beta")
    state, noise, fresh = numbers(columns)
    c = step.coefficients
    assert state == pytest.approx(c.state, abs=6e-4)
    assert state * noise == pytest.approx(c.predicted_noise, abs=3e-3)
    assert fresh == pytest.approx(c.fresh_noise, abs=6e-4)
    assert meanings(columns) == ["1/√(1−β_t)", "β_t/√(1−α_t)", "√β_t"]
    assert next_symbol(step) == "z_{t−1}"


def test_strides_use_the_beta_of_the_whole_stride():
    step = recorded(taken=8, variance="posterior").frame(3)
    assert meanings(step_columns(step, "ddpm", "posterior"))[-1] == "√β̃_{t|s}"
    assert next_symbol(step) == "z_s"


def test_ddim_shows_state_and_noise_apart():
    step = recorded(sampler="ddim", eta=0.6).frame(3)
    columns = step_columns(step, "ddim")
    c = step.coefficients
    assert numbers(columns) == pytest.approx([c.state, c.predicted_noise, c.fresh_noise], abs=6e-4)
    assert any("σ²" in meaning for meaning in meanings(columns))


def test_a_deterministic_step_has_no_third_term():
    step = recorded(sampler="ddim").frame(3)
    assert not adds_noise(step)
    assert len(numbers(step_columns(step, "ddim"))) == 2
    assert "η" in no_noise_reason(step, "ddim")
    assert "no fresh noise" in step_sentence(step, "ddim")


@pytest.mark.parametrize("sampler", ["heun", "dpmpp2m", "unipc"])
def test_a_better_average_has_a_symbol_of_its_own(sampler):
    step = recorded(sampler=sampler).frame(3)
    columns, c = step_columns(step, sampler), step.coefficients
    assert numbers(columns) == pytest.approx([c.state, c.predicted_noise], abs=6e-4)
    assert symbols(columns) == "z_s = z_t − d"
    assert meanings(columns) == ["√(α_s/α_t)", "√(α_s(1−α_t)/α_t) − √(1−α_s)"]
    assert f"{shown_coefficient(c.predicted_noise)} {DIRECTION}, no fresh noise" in step_sentence(step, sampler)
    assert direction_sentence(step, sampler) in step_sentence(step, sampler)


def test_what_the_direction_is_is_said_in_half_a_sentence():
    said = {}
    for sampler in ("heun", "dpmpp2m", "unipc"):
        step = recorded(sampler=sampler).frame(3)
        said[sampler] = plain_text(direction_terms(step, sampler))
        assert said[sampler].startswith("d ")
        assert len(plain_text(direction_terms(step, sampler, brief=True))) < len(said[sampler])
    assert said["heun"].endswith(f"here and at  t  = {shown_time(step.s)}")
    assert "step before" in said["dpmpp2m"]
    assert "corrected" in said["unipc"]


@pytest.mark.parametrize("sampler", ["heun", "dpmpp2m", "unipc"])
def test_the_last_step_takes_off_the_predicted_noise_itself(sampler):
    trace = recorded(sampler=sampler)
    step = trace.frame(len(trace) - 1)
    assert symbols(step_columns(step, sampler)) == f"x = z_t − {EPSILON_HAT}"
    assert "last step" in plain_text(direction_terms(step, sampler))


def test_the_first_step_is_first_order_where_the_sampler_needs_a_step_before_it():
    for sampler, symbol in (("heun", DIRECTION), ("dpmpp2m", EPSILON_HAT), ("unipc", EPSILON_HAT)):
        step = recorded(sampler=sampler).frame(0)
        assert direction_symbol(step, sampler) == symbol
        assert ("first step" in plain_text(direction_terms(step, sampler))) == (symbol == EPSILON_HAT)


def test_after_a_walk_went_back_up_there_is_nothing_to_lead_on():
    step = recorded(sampler="dpmpp2m", pairs=((39, 30), (30, 20), (30, 20), (20, -1))).frame(2)
    assert direction_symbol(step, "dpmpp2m") == EPSILON_HAT
    assert "nothing to lead on" in plain_text(direction_terms(step, "dpmpp2m"))


def test_two_answers_that_agree_are_still_two():
    step = recorded(sampler="heun").frame(3)
    agreeing = dataclasses.replace(step, direction=step.eps)
    assert direction_symbol(agreeing, "heun") == DIRECTION


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "euler"])
def test_samplers_of_one_call_know_nothing_but_the_predicted_noise(sampler):
    step = recorded(sampler=sampler).frame(3)
    assert EPSILON_HAT in symbols(step_columns(step, sampler))
    assert direction_terms(step, sampler) == ()
    assert direction_sentence(step, sampler) == ""


def test_euler_is_written_as_ddim_without_noise_is():
    euler, ddim = (recorded(sampler=sampler).frame(3) for sampler in ("euler", "ddim"))
    assert step_columns(euler, "euler") == step_columns(ddim, "ddim")
    assert no_noise_reason(euler, "euler") == "Euler adds no noise."


def test_large_numbers_have_fewer_decimals():
    assert [shown_coefficient(value) for value in (0.0161, 9.9994, 31.6228, 188.734, -188.734)] == [
        "0.016",
        "9.999",
        "31.62",
        "188.7",
        "−188.7",
    ]


def test_the_last_step_leads_to_the_picture():
    trace = recorded()
    step = trace.frame(len(trace) - 1)
    assert next_symbol(step) == "x"
    assert shown_time(step.s) == 0
    assert "last step" in no_noise_reason(step, "ddpm")


def test_markup():
    assert split_subscripts("z_{t−1}+x_0") == [("z", False), ("t−1", True), ("+x", False), ("0", True)]
    assert split_letters("ε̂+1") == [("ε̂", True), ("+1", False)]
