"""The equation on the screen says what the sampler computes."""

from __future__ import annotations

import re

import pytest

from studio.app.microscope.step_equation import (
    adds_noise,
    next_symbol,
    no_noise_reason,
    shown_time,
    step_columns,
    step_sentence,
)
from studio.app.widgets.math_text import split_letters, split_subscripts
from tests.gui.denoise_helpers import recorded


def numbers(columns) -> list[float]:
    texts = [term.text for column in columns for term in column.terms if term.words]
    return [float(text.replace("−", "-")) for text in texts if re.fullmatch(r"−?\d+\.\d+", text)]


def meanings(columns) -> list[str]:
    return [column.meaning for column in columns if column.meaning]


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
    assert "no fresh noise" in step_sentence(step)


def test_the_last_step_leads_to_the_picture():
    trace = recorded()
    step = trace.frame(len(trace) - 1)
    assert next_symbol(step) == "x"
    assert shown_time(step.s) == 0
    assert "last step" in no_noise_reason(step, "ddpm")


def test_markup():
    assert split_subscripts("z_{t−1}+x_0") == [("z", False), ("t−1", True), ("+x", False), ("0", True)]
    assert split_letters("ε̂+1") == [("ε̂", True), ("+1", False)]
