"""One reverse step as an equation with its numbers filled in: what is written, in which colour, and what it stands for.

Algorithm 20.2 of Bishop & Bishop for DDPM; Song et al., "Denoising Diffusion Implicit Models", eq. 12, for DDIM. Both
are z_s = a·z_t − b·ε̂ + c·ε; DDPM is written as the book does, with a outside of the bracket. The screen uses the book's
symbols, in which α_t is the product that papers call ᾱ_t, and counts t from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.app.theme import FontSize
from studio.app.widgets.labels import MINUS, format_number
from studio.app.widgets.math_text import Term

if TYPE_CHECKING:
    from studio.diffusion.step import Step

EPSILON_HAT = "ε̂"
X_HAT = "x̂_0"
FRESH_NOISE = "ε"

Z_ROLE, EPSILON_ROLE, X_ROLE, FRESH_ROLE = "text", "d2", "d3", "d4"


@dataclass(frozen=True)
class Column:
    """A part of the equation, and under it what it stands for (empty for operators)."""

    terms: tuple[Term, ...]
    meaning: str = ""
    meaning_role: str = "muted"
    gap: float = 8.0
    """Distance from the column before, in pixels at the equation's full size."""


def shown_time(t: int) -> int:
    """The number a person reads for the 0-based t: 1..T, and 0 for the picture itself."""
    return t + 1


def next_symbol(step: Step) -> str:
    """z_{t−1} for the next level, z_s for a jump over several, x for the picture."""
    if step.s < 0:
        return "x"
    return f"z_{{t{MINUS}1}}" if step.t - step.s == 1 else "z_s"


def adds_noise(step: Step) -> bool:
    return step.coefficients.fresh_noise > 0


def no_noise_reason(step: Step, sampler_name: str) -> str:
    """Why a step adds no fresh noise, in a few words."""
    if step.s < 0:
        return "The last step adds no noise."
    if sampler_name == "ddim":
        return "DDIM with η\u00a0=\u00a00 adds no noise."
    return "This step adds no noise."


def step_columns(step: Step, sampler_name: str, variance: str = "beta", size: int = FontSize.HEADLINE) -> list[Column]:
    """The equation of a step, left to right.

    `sampler_name` is "ddpm" or "ddim"; `variance` is DDPM's "beta" or "posterior".
    """
    columns = _ddpm_columns(step, size) if sampler_name == "ddpm" else _ddim_columns(step, size)
    if adds_noise(step):
        columns += [
            Column((_symbol("+", "text", size),)),
            Column(
                (_number(step.coefficients.fresh_noise, FRESH_ROLE, size), _symbol(FRESH_NOISE, FRESH_ROLE, size)),
                _fresh_noise_meaning(step, sampler_name, variance),
                FRESH_ROLE,
            ),
        ]
    return columns


def step_sentence(step: Step) -> str:
    """The equation in one line of plain text, for screen readers."""
    c = step.coefficients
    state, noise, fresh = (format_number(value, 3) for value in (c.state, c.predicted_noise, c.fresh_noise))
    sentence = f"At t = {shown_time(step.t)}, the next is {state} z_t {MINUS} {noise} {EPSILON_HAT}"
    return f"{sentence} + {fresh} {FRESH_NOISE}" if adds_noise(step) else f"{sentence}, no fresh noise"


def _ddpm_columns(step: Step, size: int) -> list[Column]:
    c = step.coefficients
    beta, alpha = _beta_symbol(step), "α_t"
    return [
        Column((_symbol(next_symbol(step), Z_ROLE, size),)),
        Column((_symbol("=", "text", size),)),
        Column((_number(c.state, "text", size),), f"1/√(1{MINUS}{beta})", "muted", 10),
        Column((_symbol("(z_t", Z_ROLE, size),), gap=6),
        Column((_symbol(MINUS, "text", size),)),
        Column(
            (_number(c.predicted_noise / c.state, EPSILON_ROLE, size), _symbol(EPSILON_HAT, EPSILON_ROLE, size)),
            f"{beta}/√(1{MINUS}{alpha})",
            EPSILON_ROLE,
        ),
        Column((_symbol(")", "text", size),), gap=1),
    ]


def _ddim_columns(step: Step, size: int) -> list[Column]:
    c = step.coefficients
    later = _alpha_symbol_of_next(step)
    state_meaning = f"√({later}/α_t)" if later else "1/√α_t"
    if not later:
        noise_meaning = f"√(1{MINUS}α_t)/√α_t"
    elif adds_noise(step):
        noise_meaning = f"√({later}(1{MINUS}α_t)/α_t) {MINUS} √(1{MINUS}{later}{MINUS}σ²)"
    else:
        noise_meaning = f"√({later}(1{MINUS}α_t)/α_t) {MINUS} √(1{MINUS}{later})"
    return [
        Column((_symbol(next_symbol(step), Z_ROLE, size),)),
        Column((_symbol("=", "text", size),)),
        Column(
            (_number(c.state, "text", size), _symbol("z_t", Z_ROLE, size)),
            state_meaning,
            "muted",
            10,
        ),
        Column((_symbol(MINUS, "text", size),)),
        Column(
            (_number(c.predicted_noise, EPSILON_ROLE, size), _symbol(EPSILON_HAT, EPSILON_ROLE, size)),
            noise_meaning,
            EPSILON_ROLE,
        ),
    ]


def _fresh_noise_meaning(step: Step, sampler_name: str, variance: str) -> str:
    if sampler_name != "ddpm":
        return "σ = η√β̃" + _strided_subscript(step)
    beta = _beta_symbol(step)
    return f"√{beta}" if variance == "beta" else f"√{beta.replace('β', 'β̃')}"


def _beta_symbol(step: Step) -> str:
    return "β" + _strided_subscript(step)


def _strided_subscript(step: Step) -> str:
    # A jump over several levels uses the β of the whole jump, 1 − α_t/α_s.
    return "_t" if step.t - step.s == 1 else "_{t|s}"


def _alpha_symbol_of_next(step: Step) -> str:
    if step.s < 0:
        return ""
    return f"α_{{t{MINUS}1}}" if step.t - step.s == 1 else "α_s"


def _symbol(markup: str, role: str, size: int) -> Term:
    return Term(markup, role, size)


def _number(value: float, role: str, size: int) -> Term:
    return Term(format_number(value, 3), role, size - 3, words=True)
