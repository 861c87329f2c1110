"""What a sampler is: a rule that leads from z_t to z_s, for explicit pairs (t, s).

    mean = state · z_t − predicted_noise · direction,        z_s = mean + fresh_noise · ε,      ε ~ N(0, I)

Three numbers come from the schedule alone. The direction is the rule's estimate of the noise to walk away from: ε̂
itself for a rule that asks the model once and forgets (DDPM, DDIM, Euler), a better average of ε̂ along the step for one
that asks twice (Heun) or remembers earlier answers (DPM-Solver++, UniPC). So one equation holds for every sampler, and
every sampler is shown and recorded in the same way.

Every rule without fresh noise shares the numbers of DDIM with η = 0 (`deterministic_coefficients`): they are exact for
a direction that does not change along the step (Song et al., arXiv 2010.02502, eq. 13; Lu et al., arXiv 2206.00927,
eq. 3.7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch

from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule

Ask = Callable[[torch.Tensor, int], Prediction]
"""ask(z, t): what the model says about z at index t, thresholded as in the rest of the run. Costs one model call."""


@dataclass(frozen=True)
class StepCoefficients:
    """mean = state·z_t − predicted_noise·direction and z_s = mean + fresh_noise·ε, with ε standard normal."""

    state: float
    predicted_noise: float
    fresh_noise: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a run knows of one of its steps: at index t the model was asked about z and gave x̂0, and the step departed
    from `departure`, which is z itself for every rule that does not correct it (UniPC does). Tensors (N, C, H, W)."""

    t: int
    departure: torch.Tensor
    x0: torch.Tensor


@dataclass(frozen=True, eq=False)
class Move:
    """Where a rule goes from z_t: `direction` as in the module's equation, `departure` as in `Evaluation`."""

    direction: torch.Tensor
    departure: torch.Tensor


@runtime_checkable
class Sampler(Protocol):
    """A rule for one step of the reverse process. It holds no state: what it may remember is handed to it."""

    name: ClassVar[str]
    memory: ClassVar[int]
    """How many earlier evaluations `move` makes use of."""

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """The three numbers for the step from t to s, −1 ≤ s < t < T. Raises ScheduleError outside of that."""
        ...

    def model_calls(self, s: int) -> int:
        """How many model calls a step to s costs, with the one at its beginning."""
        ...

    def move(
        self,
        schedule: NoiseSchedule,
        t: int,
        s: int,
        z: torch.Tensor,
        prediction: Prediction,
        before: Sequence[Evaluation],
        ask: Ask,
    ) -> Move:
        """The direction of the step from t to s.

        z (N, C, H, W) is z_t and `prediction` the model's answer to it. before: the evaluations of the steps just
        before this one, oldest first, at most `memory` of them; fewer, or none, at the beginning of a walk.
        """
        ...


class OneCallSampler:
    """A rule that follows ε̂ as it is: one model call a step, nothing remembered."""

    memory: ClassVar[int] = 0

    def model_calls(self, s: int) -> int:
        """See `Sampler.model_calls`."""
        return 1

    def move(
        self,
        schedule: NoiseSchedule,
        t: int,
        s: int,
        z: torch.Tensor,
        prediction: Prediction,
        before: Sequence[Evaluation],
        ask: Ask,
    ) -> Move:
        """See `Sampler.move`."""
        return Move(direction=prediction.eps, departure=z)


def deterministic_coefficients(schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
    """The numbers of a step without fresh noise: state = √(ᾱ_s/ᾱ_t), predicted_noise = state √(1−ᾱ_t) − √(1−ᾱ_s).

    Raises ScheduleError unless −1 ≤ s < t < T.
    """
    state = 1.0 / math.sqrt(schedule.kept_between(t, s))
    noise_t, noise_s = schedule.one_minus_alpha_bar_at(t), schedule.one_minus_alpha_bar_at(s)
    return StepCoefficients(state, state * math.sqrt(noise_t) - math.sqrt(noise_s), 0.0)


class DeterministicSampler(OneCallSampler):
    """A rule without fresh noise: its numbers are `deterministic_coefficients`."""

    def coefficients(self, schedule: NoiseSchedule, t: int, s: int) -> StepCoefficients:
        """See `Sampler.coefficients`."""
        return deterministic_coefficients(schedule, t, s)
