"""The reverse process: from noise to a picture, one `Step` at a time.

Algorithm 20.2 of Bishop & Bishop is `reverse` with DDPMSampler("beta") on sampling_pairs(schedule):

    μ = (z_t − β_t/√(1−ᾱ_t) ε̂) / √(1−β_t),     z_{t−1} = μ + √β_t ε,     no noise in the last step

It is a generator: the caller takes the steps, so the caller pauses, stops and draws.

A walk may go back up: where a pair begins at more noise than the one before ended at, that noise is added first,
z_t = √(ᾱ_t/ᾱ_s) z_s + √(1 − ᾱ_t/ᾱ_s) ε, which is the forward process from s to t.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from studio.diffusion.denoisers import Condition, Denoiser
from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.noise import NoisePurpose, NoiseSource
from studio.diffusion.prediction import Prediction
from studio.diffusion.samplers.protocol import Evaluation, Sampler
from studio.diffusion.samplers.spacing import checked_pairs
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.step import Step
from studio.diffusion.thresholding import NO_THRESHOLDING, Thresholding


def reverse(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    sampler: Sampler,
    z: torch.Tensor,
    pairs: Sequence[tuple[int, int]],
    noise: NoiseSource,
    *,
    thresholding: Thresholding = NO_THRESHOLDING,
    condition: Condition = None,
    known: KnownPixels | None = None,
    first: int = 0,
    before: Sequence[Evaluation] = (),
) -> Iterator[Step]:
    """Walk the (t, s) `pairs` from z (N, C, H, W), which is z_t of the first pair, and yield each step.

    noise(index, purpose): standard normal noise for step `index` in the shape of z; only asked for where it is added.
    known: pixels that are given. With first = 0, z need not know of them yet.
    first, before: to go on with a run at its step `first`, with the evaluations of the steps just before (only for
    samplers with a memory); z is then that step's z_t, exactly as it was.

    Raises ScheduleError at once when the pairs are no walk down the schedule.
    """
    walk = checked_pairs(schedule, tuple(pairs))
    if not 0 <= first < len(walk):
        raise ValueError(f"a run of {len(walk)} steps has no step {first}")
    return _steps(denoiser, schedule, sampler, z, walk, noise, thresholding, condition, known, first, tuple(before))


def _steps(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    sampler: Sampler,
    z: torch.Tensor,
    pairs: tuple[tuple[int, int], ...],
    noise: NoiseSource,
    thresholding: Thresholding,
    condition: Condition,
    known: KnownPixels | None,
    first: int,
    before: tuple[Evaluation, ...],
) -> Iterator[Step]:
    def ask(z: torch.Tensor, t: int) -> Prediction:
        return thresholding.apply(denoiser.predict(z, t, condition), z, schedule, t)[0]

    if known is not None and first == 0:
        z = known.replace(z, known.mean(schedule, pairs[0][0], z) + _known_noise(schedule, pairs[0][0], z, noise, 0))
    for index, (t, s) in enumerate(pairs[first:], first):
        if index > first and pairs[index - 1][1] != t:
            z, before = renoise(schedule, z, pairs[index - 1][1], t, noise(index, NoisePurpose.RENOISE).to(z)), ()
        prediction, clipped_share = thresholding.apply(denoiser.predict(z, t, condition), z, schedule, t)
        move = sampler.move(schedule, t, s, z, prediction, before, ask)
        coefficients = sampler.coefficients(schedule, t, s)
        subtracted = coefficients.predicted_noise * move.direction
        mean = coefficients.state * z - subtracted
        if coefficients.fresh_noise > 0.0:
            injected = coefficients.fresh_noise * noise(index).to(z)
        else:
            injected = torch.zeros_like(z)
        if known is not None:
            mean = known.replace(mean, known.mean(schedule, s, z))
            injected = known.replace(injected, _known_noise(schedule, s, z, noise, index + 1))
            subtracted = known.replace(subtracted, coefficients.state * z - mean)
        z_s = mean + injected
        evaluation = Evaluation(t=t, departure=move.departure, x0=prediction.x0)
        yield Step(
            index=index,
            total=len(pairs),
            t=t,
            s=s,
            z_t=z,
            eps=prediction.eps,
            x0=prediction.x0,
            coefficients=coefficients,
            direction=move.direction,
            subtracted=subtracted,
            mean=mean,
            injected=injected,
            z_s=z_s,
            clipped_share=clipped_share,
            evaluation=evaluation,
            model_calls=sampler.model_calls(s),
        )
        z = z_s
        before = (*before, evaluation)[-sampler.memory :] if sampler.memory else ()


def renoise(schedule: NoiseSchedule, z_s: torch.Tensor, s: int, t: int, noise: torch.Tensor) -> torch.Tensor:
    """z_t ~ q(z_t | z_s), the forward process from s to t > s with standard normal `noise`. Raises ScheduleError."""
    return math.sqrt(schedule.kept_between(t, s)) * z_s + math.sqrt(schedule.beta_between(t, s)) * noise


def _known_noise(schedule: NoiseSchedule, s: int, z: torch.Tensor, noise: NoiseSource, index: int) -> torch.Tensor:
    if s == -1:
        return torch.zeros_like(z)
    return math.sqrt(schedule.one_minus_alpha_bar_at(s)) * noise(index, NoisePurpose.KNOWN).to(z)
