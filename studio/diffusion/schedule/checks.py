"""What makes β_1..β_T a valid noise schedule, and what makes a valid one a poor one.

Validity (Bishop & Bishop, Deep Learning, §20.1): every β_t lies in (0, 1), open at both ends.
Quality: z_T must be almost pure noise, √ᾱ_T ≈ 0, because sampling starts from N(0, I); β should increase with t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio.errors import ScheduleError

MAXIMUM_STEPS = 100_000
TERMINAL_SIGNAL_LIMIT = 0.02
BETA_LIMIT = 0.999
AMPLIFICATION_LIMIT = 1e5
FIRST_NOISE_LIMIT = 0.2


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


def checked_beta(values: object) -> np.ndarray:
    """`values` as a read-only float64 array (T,) of its own.

    Raises ScheduleError, naming the first offending value and its step (counted from 1), when it is not
    one-dimensional, is empty, too long, or holds a number outside (0, 1).
    """
    try:
        beta = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ScheduleError("β must be a list of numbers.") from error
    if beta.ndim != 1:
        raise ScheduleError(f"β must be a list of numbers, not an array of shape {beta.shape}.")
    checked_step_count(beta.size)
    outside = np.flatnonzero(~((beta > 0.0) & (beta < 1.0)))
    if outside.size:
        first = int(outside[0])
        raise ScheduleError(
            f"β at step {first + 1} is {float(beta[first])!r}.", "Every β must lie between 0 and 1, both excluded."
        )
    beta.setflags(write=False)
    return beta


def find_warnings(beta: np.ndarray, log_alpha_bar: np.ndarray) -> tuple[ScheduleWarning, ...]:
    """The warnings for β (T,) and log ᾱ (T,), most harmful first; empty for a good schedule."""
    found = (
        _signal_left_at_the_end(beta, log_alpha_bar),
        _beta_near_one(beta),
        _not_increasing(beta),
        _amplification(log_alpha_bar),
        _coarse_first_step(beta),
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
    largest = float(beta.max())
    if largest <= BETA_LIMIT:
        return None
    return ScheduleWarning(
        code="beta_near_one",
        message=f"β at step {int(beta.argmax()) + 1} is {largest:.6g}: one step replaces the whole picture by noise.",
        remedy=f"Keep every β at or below {BETA_LIMIT}.",
        value=largest,
    )


def _not_increasing(beta: np.ndarray) -> ScheduleWarning | None:
    falls = np.flatnonzero(np.diff(beta) <= 0.0)
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


def _amplification(log_alpha_bar: np.ndarray) -> ScheduleWarning | None:
    amplification = float(np.exp(-0.5 * log_alpha_bar[-1]))
    if amplification <= AMPLIFICATION_LIMIT:
        return None
    return ScheduleWarning(
        code="amplification",
        message=(
            f"At the last step an error in the predicted noise is magnified {amplification:,.0f} times "
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
