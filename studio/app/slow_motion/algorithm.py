"""The lines of Algorithm 20.1 as the screen writes them, in the book's notation, each with half a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from studio.app.theme import FontSize
from studio.app.widgets.math_text import Term

_MINUS = "−"
_TARGETS = {"epsilon": ("ε", "d4"), "x0": ("x", "d3"), "v": ("v", "text")}


class Row(IntEnum):
    """The lines as `studio.training.step_lines.LineKind` numbers them; here without torch, which is loaded late."""

    PICTURES = 0
    LEVELS = 1
    NOISE = 2
    NOISY = 3
    PREDICTION = 4
    LOSS = 5
    GRADIENT = 6
    WEIGHTS = 7


@dataclass(frozen=True)
class AlgorithmLine:
    """`terms` as the book has it; `words` what it means."""

    terms: tuple[Term, ...]
    words: str


def algorithm_lines(parameterization: str = "epsilon") -> tuple[AlgorithmLine, ...]:
    """The eight lines for a network that predicts "epsilon" (the book's), "x0" or "v"."""
    target, role = _TARGETS[parameterization]
    named = {
        "epsilon": "the network names the noise that it sees",
        "x0": "the network names the picture that it sees",
        "v": "the network names v, part noise, part picture",
    }[parameterization]
    output_role = "d2" if parameterization == "epsilon" else role
    return (
        AlgorithmLine((_symbol("x", "d3"), _symbol(" ∼ D")), "draw pictures from the data"),
        AlgorithmLine((_symbol("t"), _symbol(" ∼ U{1, …, T}")), "draw a noise level for each"),
        AlgorithmLine((_symbol("ε", "d4"), _symbol(" ∼ N(0, I)")), "draw noise of the same size"),
        AlgorithmLine(
            (
                _symbol("z_t"),
                _symbol(" ← √α_t "),
                _symbol("x", "d3"),
                _symbol(f" + √(1{_MINUS}α_t) "),
                _symbol("ε", "d4"),
            ),
            "drown the picture in it, as deep as t says",
        ),
        AlgorithmLine(
            (_symbol(f"{target}\u0302", output_role), _symbol(" ← g(z_t, w, t)")),
            named,
        ),
        AlgorithmLine(
            (
                _symbol("L(w) ← ‖"),
                _symbol(f"{target}\u0302", output_role),
                _symbol(f" {_MINUS} "),
                _symbol(target, role),
                _symbol("‖²"),
            ),
            "measure how far off it is",
        ),
        AlgorithmLine((_symbol("∇_w L(w)"),), "ask which way each weight should go"),
        AlgorithmLine(
            (_symbol("w"), _symbol(" ← "), Term("optimizer", "text", FontSize.TEXT, words=True), _symbol("(w, ∇_w L)")),
            "move every weight a little that way",
        ),
    )


def _symbol(markup: str, role: str = "text") -> Term:
    return Term(markup, role, FontSize.SECTION)
