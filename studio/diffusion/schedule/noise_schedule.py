"""The noise schedule: β_1..β_T and everything that follows from it.

    ᾱ_t = ∏_{τ≤t} (1 − β_τ)                         share of the picture's variance left after step t
    q(z_t | x) = N(√ᾱ_t x, (1 − ᾱ_t) I)
    SNR_t = ᾱ_t / (1 − ᾱ_t)
    β̃_t = β_t (1 − ᾱ_{t−1}) / (1 − ᾱ_t)             variance of q(z_{t−1} | z_t, x)

Source: Bishop & Bishop, Deep Learning, §20.1 and §20.2.1, who write α_t for what is ᾱ_t here and in the DDPM paper
(Ho et al., arXiv 2006.11239, eq. 4 and 7). Linear: Ho et al. §4. Cosine: Nichol & Dhariwal, arXiv 2102.09672, eq. 17.

Everything is float64 and goes through log ᾱ = Σ log1p(−β): a float32 product is off by 2·10⁻⁴ in 1 − ᾱ_1.
Arrays are indexed 0..T−1; index −1 in `alpha_bar_at` means the picture itself, ᾱ = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from studio.diffusion.schedule.checks import (
    BETA_LIMIT,
    ScheduleWarning,
    checked_beta,
    checked_step_count,
    find_warnings,
)
from studio.errors import ScheduleError

__all__ = [
    "SCHEDULES",
    "NoiseSchedule",
    "ScheduleKind",
    "ScheduleOption",
    "ScheduleWarning",
    "cosine",
    "linear",
    "make_schedule",
]

REFERENCE_STEPS = 1000


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """β_1..β_T with all that follows; equal to another schedule when every β is equal.

    beta: float64 (T,), read-only, every value in (0, 1). kind and options say how it was made; `kind` is "custom" when
    it was not made by name.

    Raises ScheduleError, naming the first value that is not in (0, 1).
    """

    beta: np.ndarray
    kind: str = "custom"
    options: Mapping[str, float] = field(default_factory=dict)

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
        return find_warnings(self.beta, self.log_alpha_bar)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; Python's json writes floats so that `from_json` restores every bit."""
        return {"kind": self.kind, "options": dict(self.options), "beta": self.beta.tolist()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> NoiseSchedule:
        """The schedule that `to_json` described. Raises ScheduleError when `content` is not such a description."""
        if not isinstance(content, Mapping) or not isinstance(content.get("beta"), list):
            raise ScheduleError("The noise schedule could not be read: its list of β is missing.")
        kind, options = content.get("kind", "custom"), content.get("options", {})
        if not isinstance(kind, str) or not isinstance(options, Mapping):
            raise ScheduleError("The noise schedule could not be read: its kind or its options are damaged.")
        if any(isinstance(value, (bool, str)) for value in content["beta"]):
            raise ScheduleError("The noise schedule could not be read: β must be a list of numbers.")
        try:
            numbers = {str(name): float(value) for name, value in options.items()}
        except (TypeError, ValueError) as error:
            raise ScheduleError("The noise schedule could not be read: its options are not numbers.") from error
        return cls(content["beta"], kind, numbers)

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


def linear(step_count: int = REFERENCE_STEPS, beta_start: float = 1e-4, beta_end: float = 0.02) -> NoiseSchedule:
    """β rises linearly; both ends are meant for T = 1000 and are scaled by 1000/T (Ho et al. §4).

    Without the scaling fewer steps would leave the picture visible in z_T. Below some T the scaled end would pass
    0.999; both ends are then scaled by 0.999/beta_end instead, so that β stays linear, increasing and inside (0, 1).
    With a single step β is the scaled end alone.

    Raises ScheduleError when an end is not in (0, 1) or T is not possible.
    """
    step_count = checked_step_count(step_count)
    checked_beta([beta_start, beta_end])
    largest = max(beta_start, beta_end)
    # Ends above the limit are the caller's own choice: they are kept, and find_warnings speaks of them.
    scale = min(REFERENCE_STEPS / step_count, max(BETA_LIMIT / largest, 1.0))
    first = beta_start if step_count > 1 else beta_end
    beta = np.linspace(first * scale, beta_end * scale, step_count)
    return NoiseSchedule(beta, "linear", {"beta_start": float(beta_start), "beta_end": float(beta_end)})


def cosine(step_count: int = REFERENCE_STEPS, offset: float = 0.008, maximum_beta: float = 0.999) -> NoiseSchedule:
    """ᾱ(u) = cos²(π/2 · (u + offset)/(1 + offset)) at u = t/T, β_t = 1 − ᾱ(t/T)/ᾱ((t−1)/T) at most `maximum_beta`.

    Nichol & Dhariwal, eq. 17. Defined by ᾱ at a share of the way, so it needs no scaling with T.

    Raises ScheduleError when `offset` is negative, `maximum_beta` is not in (0, 1), or T is not possible.
    """
    step_count = checked_step_count(step_count)
    checked_beta([maximum_beta])
    if not 0.0 <= offset <= 1.0:
        raise ScheduleError(f"The cosine schedule's offset is {offset!r}.", "Choose a number between 0 and 1.")
    u = np.arange(step_count + 1) / step_count
    alpha_bar = np.cos((u + offset) / (1.0 + offset) * (math.pi / 2.0)) ** 2
    beta = np.minimum(1.0 - alpha_bar[1:] / alpha_bar[:-1], maximum_beta)
    return NoiseSchedule(beta, "cosine", {"offset": float(offset), "maximum_beta": float(maximum_beta)})


@dataclass(frozen=True)
class ScheduleOption:
    """One number that a kind of schedule can be given, with what a control for it needs to know."""

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    decimals: int
    help: str


@dataclass(frozen=True)
class ScheduleKind:
    """A way of making schedules, known by name. `make(step_count, **options)` returns a NoiseSchedule."""

    name: str
    label: str
    description: str
    options: tuple[ScheduleOption, ...]
    make: Callable[..., NoiseSchedule]


SCHEDULES: dict[str, ScheduleKind] = {
    kind.name: kind
    for kind in (
        ScheduleKind(
            name="linear",
            label="Linear",
            description="β rises in a straight line, as in the book and in the DDPM paper.",
            options=(
                ScheduleOption("beta_start", "First β", 1e-4, 1e-6, 0.1, 6, "β of the first step, as if T were 1000."),
                ScheduleOption("beta_end", "Last β", 0.02, 1e-4, 0.5, 4, "β of the last step, as if T were 1000."),
            ),
            make=linear,
        ),
        ScheduleKind(
            name="cosine",
            label="Cosine",
            description="The picture fades along a cosine: slower at both ends, kinder to small pictures.",
            options=(
                ScheduleOption("offset", "Offset", 0.008, 0.0, 0.2, 3, "Keeps the first steps from being too small."),
                ScheduleOption("maximum_beta", "Largest β", 0.999, 0.1, 0.9999, 4, "No β goes beyond this."),
            ),
            make=cosine,
        ),
    )
}


def make_schedule(kind: str, step_count: int, **options: float) -> NoiseSchedule:
    """A schedule by name, with T steps and the kind's own options.

    Raises ScheduleError when the kind or an option is unknown, or a number lies outside what the option allows.
    """
    if kind not in SCHEDULES:
        raise ScheduleError(f"There is no noise schedule called {kind!r}.", f"Choose one of: {', '.join(SCHEDULES)}.")
    known = {option.name: option for option in SCHEDULES[kind].options}
    for name, value in options.items():
        if name not in known:
            raise ScheduleError(f"The {kind} schedule has no option {name!r}.", f"Its options are: {', '.join(known)}.")
        low, high = known[name].minimum, known[name].maximum
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ScheduleError(
                f"{known[name].label} of the {kind} schedule is {value!r}.", f"Choose a number from {low} to {high}."
            )
    return SCHEDULES[kind].make(step_count, **options)


def _frozen(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values
