"""A schedule drawn by hand: a few handles, and a smooth monotone curve through them.

With u the share of the way from the picture (0) to noise (1), a curve may be drawn on

    α(u)        what is left of the picture (the book's α_t):   ᾱ_t = α(t/T), so u = 0 is the picture itself
    λ(u)        log-SNR:                                        λ_t = λ((t − 1)/(T − 1))
    β(u)        the noise added a step, meant for T₀ steps:     1 − β_t = (1 − β((t − 1)/(T − 1)))^{T₀/T}

The power in the last line adds the same noise in total over any number of steps: with fewer of them, each adds more. A
single step is the end of the curve. Between the handles the curve is `monotone_cubic`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from studio.diffusion.schedule.checks import BETA_LIMIT, checked_step_count
from studio.diffusion.schedule.conversions import (
    SMALLEST_ALPHA_BAR,
    SMALLEST_BETA,
    beta_of_log_alpha_bar,
    log_alpha_bar_of_log_snr,
)
from studio.diffusion.schedule.interpolation import monotone_cubic
from studio.errors import ScheduleError

MOST_HANDLES = 64
REFERENCE_STEPS = 1000
SMALLEST_GAP = 1e-6
SMALLEST_FALL = 1e-9
# ᾱ = e^−100 is no picture at all, and stays clear of what float64 calls 0.
MOST_DRAWN_NOISE = 100.0


@dataclass(frozen=True)
class DrawnQuantity:
    """What a curve can be drawn on: its symbol, the range of its values, and whether it falls from u = 0 to 1."""

    name: str
    symbol: str
    minimum: float
    maximum: float
    falls: bool


DRAWN_QUANTITIES: Mapping[str, DrawnQuantity] = MappingProxyType(
    {
        quantity.name: quantity
        for quantity in (
            DrawnQuantity("alpha_bar", "α", SMALLEST_ALPHA_BAR, 1.0, falls=True),
            DrawnQuantity("log_snr", "log SNR", -20.0, 20.0, falls=True),
            DrawnQuantity("beta", "β", 1e-8, BETA_LIMIT, falls=False),
        )
    }
)


@dataclass(frozen=True)
class DrawnCurve:
    """Handles (u, value) from u = 0 to u = 1 on one of `DRAWN_QUANTITIES`.

    α and log-SNR fall from handle to handle, by 10⁻⁹ at least; β rises or stays. reference_steps: the T₀ that values
    of β are meant for; over those, β may leave no less than e^−100 of the picture.

    Raises ScheduleError, naming the first handle that is not possible.
    """

    quantity: str
    handles: tuple[tuple[float, float], ...]
    reference_steps: int = REFERENCE_STEPS

    def __post_init__(self) -> None:
        if not isinstance(self.quantity, str) or self.quantity not in DRAWN_QUANTITIES:
            raise ScheduleError(
                f"A schedule cannot be drawn on {self.quantity!r:.60}.",
                f"Choose one of: {', '.join(DRAWN_QUANTITIES)}.",
            )
        object.__setattr__(self, "handles", _checked_handles(self.handles, DRAWN_QUANTITIES[self.quantity]))
        object.__setattr__(self, "reference_steps", checked_step_count(self.reference_steps))
        if self.quantity == "beta":
            self._check_total_noise()

    def at(self, u: np.ndarray) -> np.ndarray:
        """The drawn values at u in [0, 1], float64 of the shape of u (M,)."""
        places, values = np.array(self.handles).T
        return monotone_cubic(places, values, np.asarray(u, dtype=np.float64))

    def beta(self, step_count: int) -> np.ndarray:
        """β_1..β_T for T = `step_count`, float64 (T,), each in (0, 1); ᾱ of it falls at every step.

        Raises ScheduleError when T is not possible.
        """
        step_count = checked_step_count(step_count)
        if self.quantity == "alpha_bar":
            return beta_of_log_alpha_bar(np.log(self.at(np.arange(1, step_count + 1) / step_count)))
        values = self.at(even_shares(step_count))
        if self.quantity == "log_snr":
            return beta_of_log_alpha_bar(log_alpha_bar_of_log_snr(values))
        beta = -np.expm1(np.log1p(-values) * (self.reference_steps / step_count))
        return np.clip(beta, SMALLEST_BETA, BETA_LIMIT)

    def _check_total_noise(self) -> None:
        total = -float(np.log1p(-self.at(even_shares(self.reference_steps))).sum())
        if total > MOST_DRAWN_NOISE:
            raise ScheduleError(
                f"So much β in each of {self.reference_steps} steps leaves e^−{total:.0f} of the picture.",
                f"Draw β lower, until at least e^−{MOST_DRAWN_NOISE:.0f} is left.",
            )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values from which `from_json` restores every bit."""
        return {
            "quantity": self.quantity,
            "handles": [list(handle) for handle in self.handles],
            "reference_steps": self.reference_steps,
        }

    @classmethod
    def from_json(cls, content: object) -> DrawnCurve:
        """The curve that `to_json` described. Raises ScheduleError when `content` is not such a description."""
        if not isinstance(content, Mapping) or not isinstance(content.get("handles"), list):
            raise ScheduleError("The drawn schedule could not be read: its list of handles is missing.")
        return cls(content.get("quantity"), content["handles"], content.get("reference_steps", REFERENCE_STEPS))


def even_shares(step_count: int) -> np.ndarray:
    """(t − 1)/(T − 1) for t = 1..T, float64 (T,); 1 for a single step."""
    return np.linspace(0.0, 1.0, step_count) if step_count > 1 else np.ones(1)


def _checked_handles(handles: Iterable[Iterable[float]], quantity: DrawnQuantity) -> tuple[tuple[float, float], ...]:
    try:
        pairs = [tuple(handle) for handle in handles]
    except TypeError as error:
        raise ScheduleError("The handles of a drawn schedule must be pairs of numbers.") from error
    if not 2 <= len(pairs) <= MOST_HANDLES:
        raise ScheduleError(f"The drawn schedule has {len(pairs)} handles.", f"Draw from 2 to {MOST_HANDLES} handles.")
    checked = tuple(_checked_handle(number, pair, quantity) for number, pair in enumerate(pairs, 1))
    if checked[0][0] != 0.0 or checked[-1][0] != 1.0:
        raise ScheduleError(
            f"The handles go from u = {checked[0][0]:g} to u = {checked[-1][0]:g}.",
            "Put the first handle at 0 and the last at 1.",
        )
    for number, ((u, value), (next_u, next_value)) in enumerate(pairwise(checked), 2):
        if next_u - u < SMALLEST_GAP:
            raise ScheduleError(
                f"Handle {number} lies at u = {next_u:g}, not after handle {number - 1} at u = {u:g}.",
                f"Keep the handles in order and at least {SMALLEST_GAP:g} apart.",
            )
        if quantity.falls and value - next_value < SMALLEST_FALL:
            raise ScheduleError(
                f"{quantity.symbol} does not fall from handle {number - 1} ({value:.9g}) to handle {number} "
                f"({next_value:.9g}).",
                "Draw it lower: noise only grows.",
            )
        if not quantity.falls and next_value < value:
            raise ScheduleError(
                f"{quantity.symbol} falls from handle {number - 1} ({value:.9g}) to handle {number} "
                f"({next_value:.9g}).",
                "Draw it as high as the handle before, or higher.",
            )
    return checked


def _checked_handle(number: int, pair: tuple[object, ...], quantity: DrawnQuantity) -> tuple[float, float]:
    if len(pair) != 2 or not all(_is_number(entry) for entry in pair):
        raise ScheduleError(f"Handle {number} is {pair!r:.80}, which is not a pair of numbers.")
    u, value = (float(entry) for entry in pair)
    if not 0.0 <= u <= 1.0:
        raise ScheduleError(f"Handle {number} lies at u = {u:g}.", "Choose a place from 0 to 1.")
    if not quantity.minimum <= value <= quantity.maximum:
        raise ScheduleError(
            f"{quantity.symbol} of handle {number} is {value:g}.",
            f"Choose a value from {quantity.minimum:.3g} to {quantity.maximum:g}.",
        )
    return u, value


def _is_number(entry: object) -> bool:
    if isinstance(entry, bool) or not isinstance(entry, (int, float, np.floating, np.integer)):
        return False
    # False for NaN, too; an integer may be too long for a float.
    return bool(abs(entry) <= sys.float_info.max)
