"""The forward process: from a picture to noise, step by step or at once.

    Markov chain    z_t = √(1−β_t) z_{t−1} + √β_t ε_t                Bishop & Bishop eq. 20.1, 20.3
    closed form     z_t = √ᾱ_t x + √(1−ᾱ_t) ε                        eq. 20.8, ε the total noise

Both give the same distribution of z_t: the chain's coefficients multiply to √ᾱ_t, its variances add up to 1 − ᾱ_t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import torch

from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ScheduleError


def diffuse(schedule: NoiseSchedule, x: torch.Tensor, t: int | torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """z_t in closed form, in the shape, dtype and device of `x`.

    x, noise: (N, C, H, W). t: one index 0..T−1 for all, or int64 (N,) with one for each picture.
    Raises ScheduleError when t lies outside 0..T−1 (for t on a GPU the device itself checks it).
    """
    if isinstance(t, int):
        _check(schedule, t, t)
        return float(schedule.sqrt_alpha_bar[t]) * x + float(schedule.sqrt_one_minus_alpha_bar[t]) * noise
    if t.device.type == "cpu" and t.numel():
        _check(schedule, int(t.min()), int(t.max()))
    signal, sigma = _tables(schedule, x.device, x.dtype)
    t = t.to(x.device)
    shape = (-1,) + (1,) * (x.ndim - 1)
    return signal[t].view(shape) * x + sigma[t].view(shape) * noise


def alpha_bar_for(schedule: NoiseSchedule, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """ᾱ_t for int64 t (N,), as (N, 1, 1, 1) on the device of `like`; float64 where the device has it."""
    dtype = torch.float32 if like.device.type == "mps" else torch.float64
    values = torch.from_numpy(schedule.alpha_bar.copy())[t.cpu()].to(device=like.device, dtype=dtype)
    return values.view((-1,) + (1,) * (like.ndim - 1))


def markov_step(schedule: NoiseSchedule, z_previous: torch.Tensor, t: int, noise: torch.Tensor) -> torch.Tensor:
    """z_t from z_{t−1} (the picture itself for t = 0) and fresh standard normal noise. Raises ScheduleError."""
    _check(schedule, t, t)
    beta = float(schedule.beta[t])
    return math.sqrt(1.0 - beta) * z_previous + math.sqrt(beta) * noise


def markov_chain(
    schedule: NoiseSchedule, x: torch.Tensor, noise: Callable[[int], torch.Tensor]
) -> Iterator[torch.Tensor]:
    """z_t for t = 0..T−1 in this order, beginning one step after the picture `x`.

    noise(t): fresh standard normal noise for the step to t, in the shape of `x`.
    """
    z = x
    for t in range(schedule.step_count):
        z = markov_step(schedule, z, t, noise(t))
        yield z


def whole_chain(schedule: NoiseSchedule, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """z_0 (the picture itself), z_1, …, z_T of one chain: what `markov_chain` gives step by step, but fast.

    x: (C, H, W). noise: (T, C, H, W), the fresh noise of each step. Returns (T + 1, C, H, W) in the dtype and on the
    device of `x`. Raises ScheduleError when the noise is of another length.
    """
    steps = schedule.step_count
    if len(noise) != steps:
        raise ScheduleError(
            f"There is noise for {len(noise)} steps, and the schedule has {steps}.", "Give each step its noise."
        )
    states = torch.empty((steps + 1, *x.shape), dtype=x.dtype, device=x.device)
    states[0] = x
    kept, added = np.sqrt(1.0 - schedule.beta).tolist(), np.sqrt(schedule.beta).tolist()
    rows, fresh = states.unbind(), noise.unbind()
    for t in range(steps):
        torch.mul(rows[t], kept[t], out=rows[t + 1])
        rows[t + 1].add_(fresh[t], alpha=added[t])
    return states


def _check(schedule: NoiseSchedule, lowest: int, highest: int) -> None:
    if lowest < 0 or highest >= schedule.step_count:
        wrong = lowest if lowest < 0 else highest
        raise ScheduleError(
            f"Step {wrong + 1} does not exist.", f"This schedule has the steps 1 to {schedule.step_count}."
        )


@lru_cache(maxsize=16)
def _tables(schedule: NoiseSchedule, device: torch.device, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    # Training asks at every step; without the cache a GPU would wait for a copy each time.
    signal = torch.tensor(schedule.sqrt_alpha_bar.tolist(), dtype=torch.float64)
    sigma = torch.tensor(schedule.sqrt_one_minus_alpha_bar.tolist(), dtype=torch.float64)
    return signal.to(dtype).to(device), sigma.to(dtype).to(device)
