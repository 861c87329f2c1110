"""The numbers that stand beside a line: the one that counts, what it is, and the scale of its maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtGui import QFont

from studio.app.slow_motion.algorithm import Row
from studio.app.slow_motion.slow_step import SlowStep
from studio.app.theme import FontSize
from studio.app.widgets.labels import MINUS, format_number
from studio.app.widgets.math_text import Term

NOISE_LIMIT, ERROR_LIMIT = 3.0, 1.0
"""Noise maps reach their full colour here; an error has it at a third, so that a small one is still seen."""

_FIGURES = 3
_FINE = 4
"""Figures of the loss: one step changes it by little."""
_MOST_DECIMALS = 5


@dataclass(frozen=True)
class Facts:
    """`value`: the number that counts. `lines`: the muted words below it. `limit`: the end of a scale of colours."""

    value: tuple[Term, ...]
    lines: tuple[tuple[Term, ...], ...] = ()
    limit: float | None = None


def facts_of(row: int, step: SlowStep) -> Facts:
    """What is to be said of a line. Ranges are those of the pictures that are shown, all else is of the whole batch."""
    match Row(row):
        case Row.PICTURES:
            some = step.picture_count < step.batch_size
            shown = f"{step.picture_count} of them here" if some else "all of them here"
            seen = f"after {step.images_seen:,} others" if step.images_seen else "the first of all"
            return Facts(_strong(f"{step.batch_size:,} pictures"), (_words(shown), _words(seen)))
        case Row.LEVELS:
            how = "one from each equal part" if step.stratified else "each as likely as any other"
            curve = (*_words("curve: "), _symbol("α_t"), *_words(", the picture's share"))
            return Facts(_strong(f"1 … {len(step.alpha_bar):,}"), (_words(how), curve))
        case Row.NOISE:
            return Facts(_strong(value_range(step.noise)), limit=NOISE_LIMIT)
        case Row.NOISY:
            return Facts(_strong(value_range(step.z_t)), (_words(f"{MINUS}1 black, +1 white"),))
        case Row.PREDICTION:
            return Facts(_strong(value_range(step.predicted_noise)), (_about_the_prediction(step),), NOISE_LIMIT)
        case Row.LOSS:
            mean = "weighted mean" if step.weighted else "mean"
            return Facts(
                (_symbol("L", FontSize.TEXT), *_strong(f" {short(step.loss, _FINE)}")),
                (
                    _words(f"the {mean} of all {step.batch_size:,} pictures"),
                    _words(f"maps from {value_range(step.error)}"),
                ),
                ERROR_LIMIT,
            )
        case Row.GRADIENT:
            cut = 0 < step.gradient_limit < step.gradient_norm
            return Facts(
                (
                    _symbol("‖∇_w L‖", FontSize.TEXT),
                    *_strong(f" {short(step.gradient_norm)}"),
                    *(_words(f"  cut to {step.gradient_limit:g}") if cut else ()),
                ),
                (_words("a bar for each part of the network"),),
            )
        case Row.WEIGHTS:
            share = 100 * step.change / max(step.weights, 1e-12)
            return Facts(
                (
                    _symbol("L", FontSize.TEXT),
                    *_strong(f" {short(step.loss, _FINE)} → {short(step.loss_after, _FINE)}"),
                    *_words("  for the same batch"),
                ),
                (
                    _words(f"weights moved {share:.2g} %, at most by {short(step.largest_change)}"),
                    _words(f"learning rate {short(step.learning_rate)}"),
                ),
            )


def value_range(values: np.ndarray) -> str:
    """The true lowest and highest value."""
    return f"{format_number(float(values.min()), 1)} … {format_number(float(values.max()), 1)}"


def short(value: float, figures: int = _FIGURES) -> str:
    """So many figures that count, with a true minus sign."""
    size = abs(value)
    if not math.isfinite(value):
        text = "no number" if math.isnan(value) else "∞" if value > 0 else "-∞"
    elif size == 0.0:
        text = "0"
    elif size < 1e-4 or size >= 1e5:
        text = f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    else:
        decimals = max(0, figures - 1 - math.floor(math.log10(size)))
        text = f"{value:.{min(decimals, _MOST_DECIMALS)}f}"
    return text.replace("-", MINUS)


def _about_the_prediction(step: SlowStep) -> tuple[Term, ...]:
    if step.parameterization == "epsilon":
        return (*_words("to be like "), _symbol("ε"), *_words(", two lines above"))
    output = {"x0": "x\u0302", "v": "v\u0302"}[step.parameterization]
    return (_symbol("ε\u0302"), *_words(" follows from "), _symbol(output))


def _strong(text: str) -> tuple[Term, ...]:
    return (Term(text, "text", FontSize.TEXT, words=True, weight=QFont.Weight.DemiBold),)


def _words(text: str) -> tuple[Term, ...]:
    return (Term(text, "text", FontSize.LABEL, words=True),)


def _symbol(markup: str, size: int = FontSize.LABEL) -> Term:
    return Term(markup, "text", size)
