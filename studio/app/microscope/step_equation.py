"""One reverse step as an equation with its numbers filled in: what is written, in which colour, and what it stands for.

    z_s = a·z_t − b·d + c·ε

holds for every sampler (studio.diffusion.samplers.protocol). The direction d is ε̂ itself for DDPM, DDIM and Euler, and
is written so; for the others only in their last step, and in the first of those that remember. DDPM is written as
Algorithm 20.2 of Bishop & Bishop is, with a outside of the bracket; the rest as Song et al., "Denoising Diffusion
Implicit Models", eq. 12. The screen uses the book's symbols, in which α_t is the product that papers call ᾱ_t, and
counts t from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.app.microscope.sampler_settings import SAMPLER_CHOICES
from studio.app.theme import FontSize
from studio.app.widgets.labels import MINUS, format_number
from studio.app.widgets.math_text import Term

if TYPE_CHECKING:
    from studio.diffusion.step import Step

EPSILON_HAT = "ε̂"
X_HAT = "x̂_0"
FRESH_NOISE = "ε"
DIRECTION = "d"

Z_ROLE, EPSILON_ROLE, X_ROLE, FRESH_ROLE = "text", "d2", "d3", "d4"


@dataclass(frozen=True)
class _Direction:
    """What d is: in half a sentence around ε̂ (the moment of z_s at its end if `tells_time`), in fewer words, and in a
    sentence (in which {later} is that moment)."""

    before: str
    after: str
    brief: str
    sentence: str
    tells_time: bool = False


_DIRECTIONS = {
    "heun": _Direction(
        " is the mean of ",
        " here and at ",
        " here and there",
        "ε̂ leads to a trial at t = {later}, where the model is asked again; d is the mean of both answers.",
        tells_time=True,
    ),
    "dpmpp2m": _Direction(
        " is ",
        ", led on from the step before",
        ", led on",
        "The noise in z_t if the picture goes on for half a step as it went from x̂₀ of the step before to x̂₀ now.",
    ),
    "unipc": _Direction(
        " is ",
        ", led on and corrected in hindsight",
        ", led on and corrected",
        "ε̂ led on as DPM++ 2M does, and the step before taken once more, now that the model has answered at its end.",
    ),
}


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


def shown_coefficient(value: float) -> str:
    """A number of the equation: three decimals below 10, two below 100, one beyond."""
    return format_number(value, 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1)


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
    if sampler_name in SAMPLER_CHOICES and sampler_name != "ddpm":
        return f"{SAMPLER_CHOICES[sampler_name].label} adds no noise."
    return "This step adds no noise."


def has_own_direction(step: Step, sampler_name: str) -> bool:
    """Whether the step walks along an estimate of its own, and not along ε̂."""
    if sampler_name not in _DIRECTIONS or step.s < 0:
        return False
    # What asks twice has two answers, even if they agree; what remembers may have nothing to remember yet, and then
    # hands ε̂ on as it is. Comparing all values at every frame would take milliseconds.
    return step.model_calls > 1 or step.direction is not step.eps


def direction_symbol(step: Step, sampler_name: str) -> str:
    """What is taken off, some of: d, or ε̂ itself."""
    return DIRECTION if has_own_direction(step, sampler_name) else EPSILON_HAT


def direction_terms(step: Step, sampler_name: str, *, brief: bool = False) -> tuple[Term, ...]:
    """What the step walks along, in half a sentence; empty for samplers that know nothing but ε̂."""
    if sampler_name not in _DIRECTIONS:
        return ()
    epsilon = _muted_symbol(EPSILON_HAT)
    if not has_own_direction(step, sampler_name):
        return (_muted("along "), epsilon, _muted(f" itself: {_why_epsilon(step)}"))
    words = _DIRECTIONS[sampler_name]
    after = _muted(words.brief if brief else words.after)
    told = (_muted_symbol(DIRECTION), _muted(words.before), epsilon, after)
    if brief or not words.tells_time:
        return told
    return (*told, _muted_symbol("t"), _muted(f" = {shown_time(step.s)}"))


def direction_sentence(step: Step, sampler_name: str) -> str:
    """What the step walks along, for a tool tip; "" for samplers that know nothing but ε̂."""
    if sampler_name not in _DIRECTIONS:
        return ""
    if has_own_direction(step, sampler_name):
        return _DIRECTIONS[sampler_name].sentence.format(later=shown_time(step.s))
    return f"the predicted noise itself, {_why_epsilon(step)}."


def step_columns(step: Step, sampler_name: str, variance: str = "beta", size: int = FontSize.HEADLINE) -> list[Column]:
    """The equation of a step, left to right.

    `sampler_name` is a name in SAMPLERS; `variance` is DDPM's "beta" or "posterior".
    """
    columns = _ddpm_columns(step, size) if sampler_name == "ddpm" else _common_columns(step, sampler_name, size)
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


def step_sentence(step: Step, sampler_name: str) -> str:
    """The equation in one line of plain text, for screen readers."""
    c = step.coefficients
    state, noise, fresh = (shown_coefficient(value) for value in (c.state, c.predicted_noise, c.fresh_noise))
    direction = direction_symbol(step, sampler_name)
    sentence = f"At t = {shown_time(step.t)}, the next is {state} z_t {MINUS} {noise} {direction}"
    sentence = f"{sentence} + {fresh} {FRESH_NOISE}" if adds_noise(step) else f"{sentence}, no fresh noise"
    explained = direction_sentence(step, sampler_name)
    return f"{sentence}. {direction}: {explained}" if explained else sentence


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


def _common_columns(step: Step, sampler_name: str, size: int) -> list[Column]:
    c, direction = step.coefficients, direction_symbol(step, sampler_name)
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
            (_number(c.predicted_noise, EPSILON_ROLE, size), _symbol(direction, EPSILON_ROLE, size)),
            noise_meaning,
            EPSILON_ROLE,
        ),
    ]


def _fresh_noise_meaning(step: Step, sampler_name: str, variance: str) -> str:
    if sampler_name != "ddpm":
        return "σ = η√β̃" + _strided_subscript(step)
    beta = _beta_symbol(step)
    return f"√{beta}" if variance == "beta" else f"√{beta.replace('β', 'β̃')}"


def _why_epsilon(step: Step) -> str:
    if step.s < 0:
        return "the last step"
    return "the first step" if step.index == 0 else "nothing to lead on"


def _beta_symbol(step: Step) -> str:
    return "β" + _strided_subscript(step)


def _strided_subscript(step: Step) -> str:
    # A jump over several levels uses the β of the whole jump, 1 − α_t/α_s.
    return "_t" if step.t - step.s == 1 else "_{t|s}"


def _alpha_symbol_of_next(step: Step) -> str:
    if step.s < 0:
        return ""
    return f"α_{{t{MINUS}1}}" if step.t - step.s == 1 else "α_s"


def _muted(text: str) -> Term:
    return Term(text, "muted", FontSize.LABEL, words=True)


def _muted_symbol(markup: str) -> Term:
    return Term(markup, "muted", FontSize.LABEL)


def _symbol(markup: str, role: str, size: int) -> Term:
    return Term(markup, role, size)


def _number(value: float, role: str, size: int) -> Term:
    return Term(shown_coefficient(value), role, size - 3, words=True)
