"""Schedules that have no name: drawn by hand, or given as numbers.

Numbers may be β, ᾱ, σ = √((1 − ᾱ)/ᾱ) or log-SNR = log(ᾱ/(1 − ᾱ)), always from step 1, little noise, to step T. What
each of them makes of β is in `conversions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from studio.diffusion.schedule.checks import CLEAN_SNR, checked_numbers
from studio.diffusion.schedule.conversions import (
    beta_of_log_alpha_bar,
    log_alpha_bar_of_log_snr,
    log_alpha_bar_of_sigma,
)
from studio.diffusion.schedule.curve import DRAWN_QUANTITIES, SMALLEST_FALL, DrawnCurve, even_shares
from studio.diffusion.schedule.interpolation import monotone_cubic
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.errors import ScheduleError

SMALLEST_MISS = 1e-3


def drawn(curve: DrawnCurve, step_count: int) -> NoiseSchedule:
    """The schedule of T steps that follows a drawn curve, and keeps it. Raises ScheduleError when T is not possible."""
    return NoiseSchedule(curve.beta(step_count), "drawn", curve=curve)


def curve_through(schedule: NoiseSchedule, quantity: str, handle_count: int = 6) -> DrawnCurve:
    """A curve to go on drawing from: handles on steps of `schedule`, each where the curve so far misses it most.

    Distance is measured in ᾱ, in log β, or in log-SNR as far as picture and noise are seen (SNR 1000 to 0.001). What
    lies beyond what can be drawn is moved to the end of its range, and where β falls it is passed over; fewer than
    `handle_count` handles come back when no more are needed.

    Raises ScheduleError when the quantity cannot be drawn on, or no valid curve meets both ends.
    """
    if quantity not in DRAWN_QUANTITIES or schedule.step_count < 2:
        raise ScheduleError(f"No curve on {quantity!r} can be laid through this schedule.", "Draw one from the start.")
    drawable = DRAWN_QUANTITIES[quantity]
    if quantity == "alpha_bar":
        u = np.arange(schedule.step_count + 1) / schedule.step_count
        values = np.concatenate(([1.0], schedule.alpha_bar))
    else:
        u = even_shares(schedule.step_count)
        values = schedule.log_snr if quantity == "log_snr" else schedule.beta
    values = np.clip(values, drawable.minimum, drawable.maximum)
    chosen = [0, u.size - 1]
    for _ in range(int(handle_count) - 2):
        miss = _distance(quantity, monotone_cubic(u[chosen], values[chosen], u), values)
        miss[~_fits_between(values, chosen, drawable.falls)] = 0.0
        if miss.max() <= SMALLEST_MISS:
            break
        chosen = sorted([*chosen, int(miss.argmax())])
    handles = tuple(zip(u[chosen].tolist(), values[chosen].tolist(), strict=True))
    return DrawnCurve(quantity, handles, schedule.step_count)


def _distance(quantity: str, curve: np.ndarray, values: np.ndarray) -> np.ndarray:
    if quantity == "beta":
        return np.abs(np.log(curve / values))
    # Beyond log 1000 noise or picture cannot be seen, and a curve need not be near.
    seen = math.log(CLEAN_SNR)
    return np.abs(np.clip(curve, -seen, seen) - np.clip(values, -seen, seen))


def _fits_between(values: np.ndarray, chosen: list[int], falls: bool) -> np.ndarray:
    """Whether a handle on each step would keep the handles around it in order; False for the handles themselves."""
    step = np.arange(values.size)
    after = np.clip(np.searchsorted(chosen, step, side="right"), 1, len(chosen) - 1)
    before, behind = values[np.take(chosen, after - 1)], values[np.take(chosen, after)]
    sign, least = (1.0, SMALLEST_FALL) if falls else (-1.0, 0.0)
    fits = (sign * (before - values) >= least) & (sign * (values - behind) >= least)
    fits[chosen] = False
    return fits


def schedule_from_beta(beta: object) -> NoiseSchedule:
    """The schedule with these β_1..β_T, each in (0, 1). Raises ScheduleError, naming the first that is not."""
    return NoiseSchedule(beta)


def schedule_from_alpha_bar(alpha_bar: object) -> NoiseSchedule:
    """The schedule with these ᾱ_1..ᾱ_T (the book's α_t), falling within (0, 1).

    Raises ScheduleError, naming the first step at which they are not.
    """
    values = _checked(alpha_bar, _GIVEN["alpha_bar"])
    return NoiseSchedule(beta_of_log_alpha_bar(np.log(values)))


def schedule_from_sigma(sigma: object) -> NoiseSchedule:
    """The schedule with these noise levels σ_t = √((1 − ᾱ_t)/ᾱ_t), rising from above 0 to at most 10⁷.

    Lists for sampling (k-diffusion, Karras) go the other way and end in 0: turn them round and leave the 0 out.
    Raises ScheduleError, naming the first step at which they do not rise or are outside.
    """
    values = _checked(sigma, _GIVEN["sigma"])
    return NoiseSchedule(beta_of_log_alpha_bar(log_alpha_bar_of_sigma(values)))


def schedule_from_log_snr(log_snr: object) -> NoiseSchedule:
    """The schedule with these log-SNR λ_t (natural logarithm), falling within [−32, 32].

    Raises ScheduleError, naming the first step at which they do not fall or are outside.
    """
    values = _checked(log_snr, _GIVEN["log_snr"])
    return NoiseSchedule(beta_of_log_alpha_bar(log_alpha_bar_of_log_snr(values)))


SCHEDULE_SOURCES: Mapping[str, Callable[[object], NoiseSchedule]] = MappingProxyType(
    {
        "beta": schedule_from_beta,
        "alpha_bar": schedule_from_alpha_bar,
        "sigma": schedule_from_sigma,
        "log_snr": schedule_from_log_snr,
    }
)


@dataclass(frozen=True)
class _Given:
    """What numbers of one quantity must be."""

    symbol: str
    minimum: float
    maximum: float
    falls: bool


# Within these a step's β is told apart from 0 and from 1 in float64.
_GIVEN = {
    "alpha_bar": _Given("ᾱ", 1e-14, 1.0 - 1e-14, falls=True),
    "sigma": _Given("σ", 1e-7, 1e7, falls=False),
    "log_snr": _Given("log SNR", -32.0, 32.0, falls=True),
}


def _checked(numbers: object, given: _Given) -> np.ndarray:
    values = checked_numbers(numbers, given.symbol)
    outside = np.flatnonzero(~((values >= given.minimum) & (values <= given.maximum)))
    if outside.size:
        step = int(outside[0]) + 1
        raise ScheduleError(
            f"{given.symbol} at step {step} is {float(values[step - 1])!r}.",
            f"Every {given.symbol} must lie between {given.minimum:g} and {given.maximum:.17g}.",
        )
    wrong = np.flatnonzero(np.diff(values) >= 0.0 if given.falls else np.diff(values) <= 0.0)
    if wrong.size:
        step = int(wrong[0]) + 2
        way = "fall" if given.falls else "rise"
        raise ScheduleError(
            f"{given.symbol} does not {way} at step {step}: {float(values[step - 2])!r} is followed by "
            f"{float(values[step - 1])!r}.",
            f"{given.symbol} must {way} at every step, from little noise to much; turn the list round if need be.",
        )
    return values
