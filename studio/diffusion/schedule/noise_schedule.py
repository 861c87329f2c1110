"""The noise schedule: β_1..β_T and everything that follows from it.

    ᾱ_t = ∏_{τ≤t} (1 − β_τ)                         share of the picture's variance left after step t
    q(z_t | x) = N(√ᾱ_t x, (1 − ᾱ_t) I)
    SNR_t = ᾱ_t / (1 − ᾱ_t)
    β̃_t = β_t (1 − ᾱ_{t−1}) / (1 − ᾱ_t)             variance of q(z_{t−1} | z_t, x)

Source: Bishop & Bishop, Deep Learning, §20.1 and §20.2.1, who write α_t for what is ᾱ_t here and in the DDPM paper
(Ho et al., arXiv 2006.11239, eq. 4 and 7). `formulas` makes schedules by name, `making` from curves and numbers,
`scaling` from another with another T.

Everything is float64 and goes through log ᾱ = Σ log1p(−β): a float32 product is off by 2·10⁻⁴ in 1 − ᾱ_1.
Arrays are indexed 0..T−1; index −1 in `alpha_bar_at` means the picture itself, ᾱ = 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from studio.diffusion.schedule.checks import MAXIMUM_STEPS, ScheduleWarning, checked_beta, find_warnings
from studio.diffusion.schedule.curve import DrawnCurve
from studio.errors import ScheduleError


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """β_1..β_T with all that follows; equal to another schedule when every β is equal.

    beta: float64 (T,), read-only, every value in (0, 1). The rest says how it was made: `kind` and `options` by which
    name, "drawn" along which `curve`, or "custom" when it was given as numbers; and whether it was stretched to end in
    pure noise (`rescaling`).

    Raises ScheduleError, naming the first value that is not in (0, 1).
    """

    beta: np.ndarray
    kind: str = "custom"
    options: Mapping[str, float] = field(default_factory=dict)
    curve: DrawnCurve | None = None
    zero_terminal_snr: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", checked_beta(self.beta))
        object.__setattr__(self, "options", dict(self.options))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NoiseSchedule):
            return NotImplemented
        return np.array_equal(self.beta, other.beta)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.beta.tobytes())

    @property
    def step_count(self) -> int:
        """T, the number of steps."""
        return int(self.beta.size)

    @cached_property
    def log_alpha_bar(self) -> np.ndarray:
        """log ᾱ_t, float64 (T,), all negative."""
        return _frozen(np.cumsum(np.log1p(-self.beta)))

    @cached_property
    def alpha_bar(self) -> np.ndarray:
        """ᾱ_t (the book's α_t), float64 (T,), decreasing in (0, 1)."""
        return _frozen(np.exp(self.log_alpha_bar))

    @cached_property
    def one_minus_alpha_bar(self) -> np.ndarray:
        """1 − ᾱ_t without cancellation, float64 (T,): the variance of the noise in z_t."""
        return _frozen(-np.expm1(self.log_alpha_bar))

    @cached_property
    def sqrt_alpha_bar(self) -> np.ndarray:
        """√ᾱ_t, float64 (T,): the factor on the picture in z_t."""
        return _frozen(np.exp(0.5 * self.log_alpha_bar))

    @cached_property
    def sqrt_one_minus_alpha_bar(self) -> np.ndarray:
        """√(1 − ᾱ_t), float64 (T,): the factor on the total noise in z_t."""
        return _frozen(np.sqrt(self.one_minus_alpha_bar))

    @cached_property
    def snr(self) -> np.ndarray:
        """ᾱ_t / (1 − ᾱ_t), float64 (T,)."""
        return _frozen(self.alpha_bar / self.one_minus_alpha_bar)

    @cached_property
    def log_snr(self) -> np.ndarray:
        """log(ᾱ_t / (1 − ᾱ_t)), natural logarithm, float64 (T,)."""
        return _frozen(self.log_alpha_bar - np.log(self.one_minus_alpha_bar))

    @cached_property
    def posterior_variance(self) -> np.ndarray:
        """β̃_t, the variance of q(z_{t−1} | z_t, x), float64 (T,); 0 at t = 1."""
        before = np.concatenate(([0.0], self.one_minus_alpha_bar[:-1]))
        return _frozen(self.beta * before / self.one_minus_alpha_bar)

    def alpha_bar_at(self, t: int) -> float:
        """ᾱ at index t in −1..T−1; 1.0 at t = −1, the picture itself. Raises ScheduleError outside of that."""
        return 1.0 if self._checked(t) == -1 else float(self.alpha_bar[t])

    def one_minus_alpha_bar_at(self, t: int) -> float:
        """1 − ᾱ at index t in −1..T−1, without cancellation; 0.0 at t = −1. Raises ScheduleError outside of that."""
        return 0.0 if self._checked(t) == -1 else float(self.one_minus_alpha_bar[t])

    def beta_between(self, t: int, s: int) -> float:
        """β_{t|s} = 1 − ᾱ_t / ᾱ_s, the noise added on the way from s to t; β_t itself when s = t − 1.

        Raises ScheduleError unless −1 ≤ s < t < T.
        """
        return float(self.beta[t]) if self._is_single(t, s) else -math.expm1(self._log_kept(t, s))

    def kept_between(self, t: int, s: int) -> float:
        """1 − β_{t|s} = ᾱ_t / ᾱ_s without cancellation where β_{t|s} is nearly 1. Raises as `beta_between`."""
        return 1.0 - float(self.beta[t]) if self._is_single(t, s) else math.exp(self._log_kept(t, s))

    def warnings(self) -> tuple[ScheduleWarning, ...]:
        """What is poor about this schedule, most harmful first; empty when it is a good one."""
        return find_warnings(self.beta, self.log_alpha_bar, self.zero_terminal_snr)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; Python's json writes floats so that `from_json` restores every bit."""
        content: dict[str, Any] = {"kind": self.kind, "options": dict(self.options), "beta": self.beta.tolist()}
        if self.curve is not None:
            content["curve"] = self.curve.to_json()
        if self.zero_terminal_snr:
            content["zero_terminal_snr"] = True
        return content

    @classmethod
    def from_json(cls, content: object) -> NoiseSchedule:
        """The schedule that `to_json` described. Raises ScheduleError when `content` is not such a description."""
        if not isinstance(content, Mapping) or not isinstance(content.get("beta"), list):
            raise ScheduleError("The noise schedule could not be read: its list of β is missing.")
        beta, kind, options = content["beta"], content.get("kind", "custom"), content.get("options", {})
        if not isinstance(kind, str) or not isinstance(options, Mapping):
            raise ScheduleError("The noise schedule could not be read: its kind or its options are damaged.")
        if len(beta) > MAXIMUM_STEPS:
            raise ScheduleError(f"The noise schedule could not be read: it has more than {MAXIMUM_STEPS:,} steps.")
        if any(isinstance(value, (bool, str)) for value in beta):
            raise ScheduleError("The noise schedule could not be read: β must be a list of numbers.")
        try:
            numbers = {str(name): float(value) for name, value in options.items()}
        except (TypeError, ValueError, OverflowError) as error:
            raise ScheduleError("The noise schedule could not be read: its options are not numbers.") from error
        if not all(math.isfinite(value) for value in numbers.values()):
            raise ScheduleError("The noise schedule could not be read: its options are not numbers.")
        curve = None if content.get("curve") is None else DrawnCurve.from_json(content["curve"])
        return cls(beta, kind, numbers, curve, content.get("zero_terminal_snr") is True)

    def _is_single(self, t: int, s: int) -> bool:
        if self._checked(s) >= self._checked(t):
            raise ScheduleError(f"A step must go to less noise, but this one goes from {t + 1} to {s + 1}.")
        return s == t - 1

    def _log_kept(self, t: int, s: int) -> float:
        return float(self.log_alpha_bar[t]) - (0.0 if s == -1 else float(self.log_alpha_bar[s]))

    def _checked(self, t: int) -> int:
        if not -1 <= t < self.step_count:
            raise ScheduleError(f"Step {t + 1} does not exist.", f"This schedule has the steps 0 to {self.step_count}.")
        return t


def _frozen(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values
