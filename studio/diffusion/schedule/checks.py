"""What makes β_1..β_T a valid noise schedule, and what makes a valid one a poor one.

Validity (Bishop & Bishop, Deep Learning, §20.1): every β_t lies in (0, 1), open at both ends.
Quality: z_T must be almost pure noise, √ᾱ_T ≈ 0, because sampling starts from N(0, I); β should increase with t as long
as there is a picture to see; and the steps should lie where a picture turns into noise, between SNR 1000 and 0.001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from studio.errors import ScheduleError

MAXIMUM_STEPS = 100_000
TERMINAL_SIGNAL_LIMIT = 0.02
BETA_LIMIT = 0.999
AMPLIFICATION_LIMIT = 1e5
FIRST_NOISE_LIMIT = 0.2
# Below this SNR it no longer matters in which order the rest of the picture is lost.
SEEN_SNR = 0.1
CLEAN_SNR, LOST_SNR = 1e3, 1e-3
WASTED_LIMIT = 0.5
# log SNR from "the noise is just seen" to "the picture is just seen".
SEEN_LOG_SNR = 5.0
JUMP_LIMIT = 1.0
JUMP_OVER_EVEN = 10.0
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True)
class ScheduleWarning:
    """A schedule that works, but not well.

    `code` is stable and meant for programs, `message` and `remedy` are sentences for people, `value` is the number
    which the message speaks of.
    """

    code: str
    message: str
    remedy: str
    value: float


def checked_step_count(step_count: int) -> int:
    """`step_count` as an int. Raises ScheduleError when it is not a whole number from 1 to MAXIMUM_STEPS."""
    if isinstance(step_count, bool) or not isinstance(step_count, (int, np.integer)):
        raise ScheduleError(f"The number of steps T is {step_count!r}, which is not a whole number.")
    if not 1 <= step_count <= MAXIMUM_STEPS:
        raise ScheduleError(
            f"The number of steps T is {step_count}.", f"Choose a number between 1 and {MAXIMUM_STEPS:,}."
        )
    return int(step_count)


def checked_numbers(values: object, symbol: str) -> np.ndarray:
    """`values` as a float64 array (T,) of its own; `symbol` is what the message calls them.

    Raises ScheduleError when they are not one list of numbers, are none, or are too many.
    """
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ScheduleError(f"{symbol} must be a list of numbers.") from error
    if numbers.ndim != 1:
        raise ScheduleError(f"{symbol} must be a list of numbers, not an array of shape {numbers.shape}.")
    checked_step_count(numbers.size)
    return numbers


def checked_beta(values: object) -> np.ndarray:
    """`values` as a read-only float64 array (T,) of its own.

    Raises ScheduleError, naming the first offending value and its step (counted from 1), when it is not
    one-dimensional, is empty, too long, or holds a number outside (0, 1).
    """
    beta = checked_numbers(values, "β")
    outside = np.flatnonzero(~((beta > 0.0) & (beta < 1.0)))
    if outside.size:
        first = int(outside[0])
        raise ScheduleError(
            f"β at step {first + 1} is {float(beta[first])!r}.", "Every β must lie between 0 and 1, both excluded."
        )
    beta.setflags(write=False)
    return beta


def find_warnings(
    beta: np.ndarray, log_alpha_bar: np.ndarray, zero_terminal_snr: bool = False
) -> tuple[ScheduleWarning, ...]:
    """The warnings for β (T,) and log ᾱ (T,), most harmful first; empty for a good schedule.

    With zero terminal SNR the last β is near 1 on purpose.
    """
    # A β below 1e-308 has no reciprocal; `_snr_not_falling` or nobody speaks of it.
    log_snr = log_alpha_bar - np.log(np.maximum(-np.expm1(log_alpha_bar), np.finfo(np.float64).tiny))
    found = (
        _signal_left_at_the_end(beta, log_alpha_bar),
        _beta_near_one(beta[:-1] if zero_terminal_snr else beta),
        _not_increasing(beta, log_snr),
        _snr_not_falling(beta, log_alpha_bar),
        _amplification(log_alpha_bar),
        _coarse_first_step(beta),
        _jump(log_snr),
        _wasted_steps(log_snr),
    )
    return tuple(warning for warning in found if warning is not None)


def _signal_left_at_the_end(beta: np.ndarray, log_alpha_bar: np.ndarray) -> ScheduleWarning | None:
    signal = float(np.exp(0.5 * log_alpha_bar[-1]))
    if signal <= TERMINAL_SIGNAL_LIMIT:
        return None
    return ScheduleWarning(
        code="terminal_signal",
        message=(
            f"After all {beta.size} steps {signal:.1%} of the picture is left (√α_T = {signal:.3g}), "
            "but sampling starts from pure noise."
        ),
        remedy=f"Raise the last β or use more steps, until √α_T is at most {TERMINAL_SIGNAL_LIMIT}.",
        value=signal,
    )


def _beta_near_one(beta: np.ndarray) -> ScheduleWarning | None:
    largest = float(beta.max(initial=0.0))
    # Ends scaled to the limit may miss it by a bit.
    if largest <= BETA_LIMIT * (1.0 + 1e-12):
        return None
    return ScheduleWarning(
        code="beta_near_one",
        message=f"β at step {int(beta.argmax()) + 1} is {largest:.6g}: one step replaces the whole picture by noise.",
        remedy=f"Keep every β at or below {BETA_LIMIT}.",
        value=largest,
    )


def _not_increasing(beta: np.ndarray, log_snr: np.ndarray) -> ScheduleWarning | None:
    # Karras levels and a cosine's cut end fall or stay where next to nothing of the picture is left, and the first of
    # two steps may be the larger while no noise is seen yet: that harms nobody.
    seen = (log_snr[:-1] > math.log(SEEN_SNR)) & (log_snr[:-1] < math.log(CLEAN_SNR))
    falls = np.flatnonzero((np.diff(beta) <= 0.0) & seen)
    if not falls.size:
        return None
    step = int(falls[0]) + 2
    return ScheduleWarning(
        code="not_increasing",
        message=(
            f"β does not increase at {falls.size} of {beta.size - 1} steps, first at step {step}: "
            f"{beta[step - 2]:.6g} is followed by {beta[step - 1]:.6g}."
        ),
        remedy="Let β rise from step to step: little noise while there is detail, much when there is little to lose.",
        value=float(falls.size),
    )


def _snr_not_falling(beta: np.ndarray, log_alpha_bar: np.ndarray) -> ScheduleWarning | None:
    still = np.flatnonzero(np.diff(log_alpha_bar, prepend=0.0) >= 0.0)
    if not still.size:
        return None
    step = int(still[0]) + 1
    return ScheduleWarning(
        code="snr_not_falling",
        message=(
            f"The signal-to-noise ratio does not fall at {still.size} of {beta.size} steps, first at step {step}, "
            f"where β is only {beta[step - 1]:.3g}."
        ),
        remedy="Raise β there above 1e-14, or leave these steps out.",
        value=float(still.size),
    )


def _amplification(log_alpha_bar: np.ndarray) -> ScheduleWarning | None:
    amplification = math.exp(min(-0.5 * float(log_alpha_bar[-1]), _LARGEST_EXPONENT))
    if amplification <= AMPLIFICATION_LIMIT:
        return None
    shown = f"{amplification:,.0f}" if amplification < 1e9 else f"{amplification:.0e}"
    return ScheduleWarning(
        code="amplification",
        message=(
            f"At the last step an error in the predicted noise is magnified {shown} times "
            "in the estimate of the picture."
        ),
        remedy="Lower the last β, or clip the estimate while sampling, or train with v-prediction.",
        value=amplification,
    )


def _coarse_first_step(beta: np.ndarray) -> ScheduleWarning | None:
    noise = float(np.sqrt(beta[0]))
    if noise <= FIRST_NOISE_LIMIT:
        return None
    return ScheduleWarning(
        code="coarse_first_step",
        message=f"The first step already adds noise of standard deviation {noise:.3g}, so fine detail is lost.",
        remedy=f"Lower the first β below {FIRST_NOISE_LIMIT**2:.2g} or use more steps.",
        value=noise,
    )


def _jump(log_snr: np.ndarray) -> ScheduleWarning | None:
    seen = np.clip(log_snr, -SEEN_LOG_SNR, SEEN_LOG_SNR)
    falls = -np.diff(seen)
    whole = 2.0 * SEEN_LOG_SNR
    if not falls.size or falls.max() <= max(JUMP_LIMIT, JUMP_OVER_EVEN * whole / log_snr.size):
        return None
    step, largest = int(falls.argmax()) + 2, float(falls.max())
    return ScheduleWarning(
        code="log_snr_jump",
        message=(
            f"Step {step} alone goes {largest / whole:.0%} of the way from a clear picture to noise "
            f"(log SNR falls by {largest:.3g}); an even share would be {1.0 / log_snr.size:.2%}."
        ),
        remedy=f"Lower β at step {step} and raise it at the steps around.",
        value=largest,
    )


def _wasted_steps(log_snr: np.ndarray) -> ScheduleWarning | None:
    # The last step is meant to hold no picture.
    before = log_snr[:-1]
    if not before.size:
        return None
    clean, lost = float(np.mean(before > math.log(CLEAN_SNR))), float(np.mean(before < math.log(LOST_SNR)))
    if clean + lost <= WASTED_LIMIT:
        return None
    return ScheduleWarning(
        code="wasted_steps",
        message=(
            f"In {clean + lost:.0%} of the steps nothing happens: {clean:.0%} have less noise than can be seen "
            f"(SNR above {CLEAN_SNR:,.0f}), {lost:.0%} less picture than can be seen (SNR below {LOST_SNR:g})."
        ),
        remedy="Move the ends of the curve together, so that more steps lie where the picture turns into noise.",
        value=clean + lost,
    )
