"""The reverse process: from noise to a picture, one `Step` at a time.

Algorithm 20.2 of Bishop & Bishop is `reverse` with DDPMSampler("beta") on sampling_pairs(T), without clipping:

    μ = (z_t − β_t/√(1−ᾱ_t) ε̂) / √(1−β_t),     z_{t−1} = μ + √β_t ε,     no noise in the last step

It is a generator: the caller takes the steps, so the caller pauses, stops and draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from studio.diffusion.denoiser import Condition, Denoiser
from studio.diffusion.prediction import Prediction
from studio.diffusion.sampler import Sampler, StepCoefficients, checked_pairs
from studio.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class Step:
    """All there is to know about one step from t to s; tensors are float32 (N, C, H, W).

    index: 0..total−1 in the order of the run. t, s: 0-based, s = −1 is the picture.
    eps, x0: the prediction that was used, after clipping where the run clips.
    subtracted = predicted_noise·eps; mean = state·z_t − subtracted; z_s = mean + injected, exactly as computed.
    injected: zeros when the step adds no noise.
    clipped_share: share in 0..1 of the values of x̂0 that lay beyond ±1 (before clipping, if the run clips).
    """

    index: int
    total: int
    t: int
    s: int
    z_t: torch.Tensor
    eps: torch.Tensor
    x0: torch.Tensor
    coefficients: StepCoefficients
    subtracted: torch.Tensor
    mean: torch.Tensor
    injected: torch.Tensor
    z_s: torch.Tensor
    clipped_share: float


def reverse(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    sampler: Sampler,
    z_T: torch.Tensor,
    pairs: Sequence[tuple[int, int]],
    noise: Callable[[int], torch.Tensor],
    *,
    clip: bool = False,
    condition: Condition = None,
) -> Iterator[Step]:
    """Walk the (t, s) `pairs` from z_T (N, C, H, W) and yield each step.

    noise(index): standard normal noise for step `index` in the shape of z_T; only asked for where noise is added.
    clip: hold x̂0 within ±1 and recompute ε̂ from it, so that the step's equations stay true.

    Raises ScheduleError at once when the pairs do not form a way down the schedule.
    """
    return _steps(denoiser, schedule, sampler, z_T, checked_pairs(schedule, tuple(pairs)), noise, clip, condition)


def _steps(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    sampler: Sampler,
    z: torch.Tensor,
    pairs: tuple[tuple[int, int], ...],
    noise: Callable[[int], torch.Tensor],
    clip: bool,
    condition: Condition,
) -> Iterator[Step]:
    for index, (t, s) in enumerate(pairs):
        prediction = denoiser.predict(z, t, condition)
        beyond = prediction.x0.abs() > 1.0
        clipped_share = float(beyond.float().mean())
        if clip and clipped_share > 0.0:
            prediction = _clipped(prediction, beyond, z, schedule, t)
        coefficients = sampler.coefficients(schedule, t, s)
        subtracted = coefficients.predicted_noise * prediction.eps
        mean = coefficients.state * z - subtracted
        if coefficients.fresh_noise > 0.0:
            injected = coefficients.fresh_noise * noise(index).to(z)
        else:
            injected = torch.zeros_like(z)
        z_s = mean + injected
        yield Step(
            index=index,
            total=len(pairs),
            t=t,
            s=s,
            z_t=z,
            eps=prediction.eps,
            x0=prediction.x0,
            coefficients=coefficients,
            subtracted=subtracted,
            mean=mean,
            injected=injected,
            z_s=z_s,
            clipped_share=clipped_share,
        )
        z = z_s


def _clipped(
    prediction: Prediction, beyond: torch.Tensor, z: torch.Tensor, schedule: NoiseSchedule, t: int
) -> Prediction:
    x0 = prediction.x0.clamp(-1.0, 1.0)
    signal, sigma = math.sqrt(schedule.alpha_bar_at(t)), math.sqrt(schedule.one_minus_alpha_bar_at(t))
    # Where nothing was clipped ε̂ stays as it was, bit for bit.
    return Prediction(eps=torch.where(beyond, (z - signal * x0) / sigma, prediction.eps), x0=x0)
