"""Samplers: the way from z_t to z_s, as three numbers, and the (t, s) pairs to walk.

    mean = state · z_t − predicted_noise · ε̂,      z_s = mean + fresh_noise · ε

With β_{t|s} = 1 − ᾱ_t/ᾱ_s, which is β_t when s = t − 1:

DDPM, Bishop & Bishop Algorithm 20.2 (Ho et al., arXiv 2006.11239, Algorithm 2)
    state = 1/√(1−β_{t|s}),   predicted_noise = β_{t|s} / (√(1−ᾱ_t) √(1−β_{t|s}))
    fresh_noise² = β_{t|s}  ("beta", the book's),  or  β_{t|s} (1−ᾱ_s)/(1−ᾱ_t)  ("posterior", β̃)
DDIM, Song et al., arXiv 2010.02502, eq. 12 and 16
    fresh_noise = η √((1−ᾱ_s)/(1−ᾱ_t)) √β_{t|s}
    state = √(ᾱ_s/ᾱ_t),       predicted_noise = √(ᾱ_s/ᾱ_t) √(1−ᾱ_t) − √(1−ᾱ_s−fresh_noise²)

The last step goes to the picture itself, s = −1, and adds no noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Protocol, runtime_checkable

from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ScheduleError, SettingsError

SPACINGS = ("trailing", "leading", "linspace")


@dataclass(frozen=True)
class StepCoefficients:
    """mean = state·z_t − predicted_noise·ε̂ and z_s = mean + fresh_noise·ε, with ε standard normal."""

    state: float
    predicted_noise: float
    fresh_noise: float


@runtime_checkable
class Sampler(Protocol):
    """A rule for one step of the reverse process; it holds no state."""

    name: ClassVar[str]

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """The three numbers for the step from t to s, −1 ≤ s < t < T. Raises ScheduleError outside of that."""
        ...


@dataclass(frozen=True)
class DDPMSampler:
    """Ancestral sampling. variance: "beta", as in Algorithm 20.2, or "posterior", the smaller β̃."""

    variance: str = "beta"
    name: ClassVar[str] = "ddpm"

    def __post_init__(self) -> None:
        if self.variance not in ("beta", "posterior"):
            raise SettingsError(f"The DDPM sampler knows no variance {self.variance!r}.", "Choose beta or posterior.")

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """See `Sampler.coefficients`."""
        beta = schedule.beta_between(t, s)
        noise_t, noise_s = schedule.one_minus_alpha_bar_at(t), schedule.one_minus_alpha_bar_at(s)
        keep = math.sqrt(schedule.kept_between(t, s))
        variance = beta if self.variance == "beta" else beta * noise_s / noise_t
        return StepCoefficients(
            state=1.0 / keep,
            predicted_noise=beta / (math.sqrt(noise_t) * keep),
            fresh_noise=0.0 if s == -1 else math.sqrt(variance),
        )


@dataclass(frozen=True)
class DDIMSampler:
    """Non-Markovian sampling for few steps. eta in [0, 1]: 0 adds no noise, 1 adds as much as DDPM's β̃."""

    eta: float = 0.0
    name: ClassVar[str] = "ddim"

    def __post_init__(self) -> None:
        if not 0.0 <= self.eta <= 1.0:
            raise SettingsError(f"DDIM's η is {self.eta!r}.", "Choose a number from 0 to 1.")

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """See `Sampler.coefficients`."""
        beta = schedule.beta_between(t, s)
        noise_t, noise_s = schedule.one_minus_alpha_bar_at(t), schedule.one_minus_alpha_bar_at(s)
        fresh_variance = self.eta**2 * beta * noise_s / noise_t
        state = 1.0 / math.sqrt(schedule.kept_between(t, s))
        return StepCoefficients(
            state=state,
            predicted_noise=state * math.sqrt(noise_t) - math.sqrt(max(noise_s - fresh_variance, 0.0)),
            fresh_noise=math.sqrt(fresh_variance),
        )


@dataclass(frozen=True)
class SamplerOption:
    """A setting of a sampler, with what a control needs: either `choices` ((value, label), …) or a range."""

    name: str
    label: str
    default: str | float
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float = 0.0
    maximum: float = 1.0


@dataclass(frozen=True)
class SamplerKind:
    """A sampler known by name. `make(**options)` returns it."""

    name: str
    label: str
    description: str
    options: tuple[SamplerOption, ...]
    make: Callable[..., Sampler]


SAMPLERS: dict[str, SamplerKind] = {
    kind.name: kind
    for kind in (
        SamplerKind(
            name="ddpm",
            label="DDPM",
            description="The book's Algorithm 20.2: fresh noise after every step. Best with all steps.",
            options=(
                SamplerOption(
                    name="variance",
                    label="Noise added",
                    default="beta",
                    help="β is the book's choice; β̃ is smaller, and better when steps are skipped.",
                    choices=(("beta", "β"), ("posterior", "β̃")),
                ),
            ),
            make=DDPMSampler,
        ),
        SamplerKind(
            name="ddim",
            label="DDIM",
            description="No fresh noise: good pictures in 20 to 50 steps.",
            options=(
                SamplerOption(
                    name="eta",
                    label="Noise added (η)",
                    default=0.0,
                    help="0 adds no noise, so that the seed alone decides; 1 adds as much as DDPM with β̃.",
                ),
            ),
            make=DDIMSampler,
        ),
    )
}


def make_sampler(name: str, **options: Any) -> Sampler:
    """A sampler by name with its own options. Raises SettingsError when the name, an option or a value is wrong."""
    if name not in SAMPLERS:
        raise SettingsError(f"There is no sampler called {name!r}.", f"Choose one of: {', '.join(SAMPLERS)}.")
    known = [option.name for option in SAMPLERS[name].options]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise SettingsError(f"The {name} sampler has no option {unknown[0]!r}.", f"Its options: {', '.join(known)}.")
    return SAMPLERS[name].make(**options)


def sampling_pairs(step_count: int, steps: int | None = None, spacing: str = "trailing") -> tuple[tuple[int, int], ...]:
    """The (t, s) pairs from noise to picture: t falls from at most T−1, the last s is −1, the picture itself.

    step_count: T of the schedule. steps: how many of them to walk; None for all. spacing, when steps < T:
    "trailing" begins at T−1 (z_T is pure noise there, so this is the sound choice), "leading" ends at t = 0,
    "linspace" does both. Names after Lin et al., arXiv 2305.08891, table 2.

    Raises ScheduleError when `steps` is not in 1..T or the spacing is unknown.
    """
    if spacing not in SPACINGS:
        raise ScheduleError(f"There is no step spacing called {spacing!r}.", f"Choose one of: {', '.join(SPACINGS)}.")
    steps = step_count if steps is None else steps
    if not 1 <= steps <= step_count:
        raise ScheduleError(f"{steps} sampling steps were asked for.", f"Choose a number from 1 to {step_count}.")
    match spacing:
        case "trailing":
            times = [round(Fraction(step_count * k, steps)) - 1 for k in range(steps, 0, -1)]
        case "leading":
            times = [k * (step_count // steps) for k in range(steps - 1, -1, -1)]
        case _:
            gaps = max(steps - 1, 1)
            times = [round(Fraction((step_count - 1) * k, gaps)) for k in range(gaps, gaps - steps, -1)]
    return tuple(zip(times, [*times[1:], -1], strict=True))


def checked_pairs(schedule: NoiseSchedule, pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """`pairs` as tuples, if each begins where the one before ended and all go downwards within the schedule.

    Raises ScheduleError otherwise. The last s need not be −1: a run may stop at any noise level.
    """
    pairs = tuple((int(t), int(s)) for t, s in pairs)
    if not pairs:
        raise ScheduleError("There is no sampling step to take.", "Choose at least one step.")
    for index, (t, s) in enumerate(pairs):
        if not -1 <= s < t < schedule.step_count:
            raise ScheduleError(
                f"Sampling step {index + 1} goes from {t + 1} to {s + 1}.",
                f"Steps must go downwards between {schedule.step_count} and 0.",
            )
        if index and pairs[index - 1][1] != t:
            raise ScheduleError(f"Sampling step {index + 1} does not begin where step {index} ended.")
    return pairs
