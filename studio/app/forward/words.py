"""The two ways to noise at one step, written: formulas, the same with their numbers, and what was measured.

The screen uses the book's symbols, in which α_t is the product that papers call ᾱ_t, and counts t from 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from studio.app.microscope.step_equation import shown_coefficient, shown_time
from studio.app.theme import FontSize
from studio.app.widgets.labels import MINUS, format_number
from studio.app.widgets.math_text import Term

if TYPE_CHECKING:
    from studio.app.forward.process import ForwardProcess
    from studio.diffusion import NoiseSchedule

SIGNAL_ROLE, NOISE_ROLE, Z_ROLE = "d3", "d4", "text"
BEFORE = f"z_{{t{MINUS}1}}"
SQRT_ALPHA, SQRT_REST = "√α_t", f"√(1{MINUS}α_t)"
SQRT_KEPT, SQRT_BETA = f"√(1{MINUS}β_t)", "√β_t"

NOTATION = (
    "α_t is the share of the picture's variance that is left after t steps, the product of all 1 − β. The DDPM paper "
    "and most programs write ᾱ_t (alpha bar) for it."
)


def closed_coefficients(schedule: NoiseSchedule, t: int) -> tuple[float, float]:
    """√α_t and √(1 − α_t)."""
    return float(schedule.sqrt_alpha_bar[t]), float(schedule.sqrt_one_minus_alpha_bar[t])


def step_coefficients(schedule: NoiseSchedule, t: int) -> tuple[float, float]:
    """√(1 − β_t) and √β_t."""
    beta = float(schedule.beta[t])
    return math.sqrt(1.0 - beta), math.sqrt(beta)


def closed_formula(size: int) -> tuple[Term, ...]:
    """z_t = √α_t x + √(1−α_t) ε."""
    return _sum(size, SQRT_ALPHA, "x", SQRT_REST, "ε")


def step_formula(size: int) -> tuple[Term, ...]:
    """z_t = √(1−β_t) z_{t−1} + √β_t ε_t."""
    return _sum(size, SQRT_KEPT, BEFORE, SQRT_BETA, "ε_t")


def closed_numbers(schedule: NoiseSchedule, t: int, size: int) -> tuple[Term, ...]:
    """The closed form with the numbers of this t."""
    return _filled(size, closed_coefficients(schedule, t), "x", "ε")


def step_numbers(schedule: NoiseSchedule, t: int, size: int) -> tuple[Term, ...]:
    """One step of the chain with the numbers of this t."""
    before = "x" if t == 0 else f"z_{{{shown_time(t - 1)}}}"
    return _filled(size, step_coefficients(schedule, t), before, f"ε_{{{shown_time(t)}}}")


def headline(process: ForwardProcess) -> tuple[Term, ...]:
    """ "Step 400 of 1,000", and how much of the picture is left."""
    schedule, t = process.schedule, process.t
    assert schedule is not None
    left = float(schedule.alpha_bar[t])
    muted = {"role": "muted", "size": FontSize.LABEL}
    return (
        Term(f"Step {shown_time(t):,}", "text", FontSize.HEADLINE, words=True, weight=600),
        Term(f" of {schedule.step_count:,}", "muted", FontSize.HEADLINE, words=True),
        Term("    ", words=True),
        Term("α_t", **muted),
        Term(f" = {small_number(left)}", words=True, **muted),
    )


def small_number(value: float) -> str:
    """Three decimals, or powers of ten for what three decimals would call nothing."""
    if 0.0 < abs(value) < 0.0005:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}·10{_raised(int(exponent))}"
    return format_number(value, 3)


def measured_terms(
    name: str, value: float, error: float, theory: float, symbol: str, role: str
) -> tuple[tuple[Term, ...], ...]:
    """ "mean 0.707 ± 0.002   theory √α_t 0.708", with as many decimals as the error has, and the same in fewer words.

    The longest comes first.
    """
    decimals = 3 if not error > 0 else max(3, min(-math.floor(math.log10(error)), 6))
    number = "—" if not np.isfinite(value) else format_number(value, decimals)
    spread = f" ± {error:.{decimals}f}" if np.isfinite(error) and np.isfinite(value) else ""
    expected = format_number(theory, decimals)
    label = FontSize.LABEL
    measured = (
        Term(f"{name}  ", "muted", label, words=True),
        Term(number + spread, role, label, words=True, weight=600),
    )
    return (
        (
            *measured,
            Term("  theory ", "muted", label, words=True),
            Term(symbol, "muted", label),
            Term(f" {expected}", "muted", label, words=True),
        ),
        (*measured, Term(f"  theory {expected}", "muted", label, words=True)),
        (*measured, Term(f"  ({expected})", "muted", label, words=True)),
    )


def _sum(size: int, first: str, one: str, second: str, other: str) -> tuple[Term, ...]:
    return (
        Term("z_t", Z_ROLE, size),
        Term(" = ", Z_ROLE, size),
        Term(f"{first} ", SIGNAL_ROLE, size),
        Term(one, SIGNAL_ROLE, size),
        Term(" + ", Z_ROLE, size),
        Term(f"{second} ", NOISE_ROLE, size),
        Term(other, NOISE_ROLE, size),
    )


def _filled(size: int, coefficients: tuple[float, float], one: str, other: str) -> tuple[Term, ...]:
    kept, added = (shown_coefficient(value) for value in coefficients)
    return (
        Term("= ", "muted", size),
        Term(f"{kept} ", SIGNAL_ROLE, size, words=True),
        Term(one, SIGNAL_ROLE, size),
        Term(" + ", "muted", size),
        Term(f"{added} ", NOISE_ROLE, size, words=True),
        Term(other, NOISE_ROLE, size),
    )


def tile_terms(number: float, symbol: str, role: str) -> Sequence[Term]:
    """ "0.588 x" above a tile."""
    return (
        Term(f"{shown_coefficient(number)} ", role, FontSize.TEXT, words=True),
        Term(symbol, role, FontSize.SECTION),
    )


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
