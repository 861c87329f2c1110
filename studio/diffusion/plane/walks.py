"""Walks from noise to a picture, as lines in a plane, and whether they end where pictures are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studio.diffusion.denoisers import Denoiser
from studio.diffusion.plane.slices import PlaneSlice
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import DDIMSampler, Sampler, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule

FloatArray = NDArray[np.float64]

SPACING = "log_snr"
"""Even in the noise: even steps in t stop at so much noise that the last of them ends between two pictures."""


@dataclass(frozen=True, eq=False)
class Walk:
    """N walks that were taken together.

    points: float64 (K+1, N, 2), z at each moment in coordinates of the plane. times: the t of each moment, K+1 of them,
    0-based; the last is −1 where they end in pictures.
    """

    points: FloatArray
    times: tuple[int, ...]

    @property
    def ends(self) -> FloatArray:
        """(N, 2)"""
        return self.points[-1]

    def at(self, t: float) -> FloatArray:
        """Where the walks are at noise level t, (N, 2): between two moments along the straight line."""
        times = -np.asarray(self.times, float)
        position = float(np.interp(-t, times, np.arange(len(times))))
        before = int(min(position, len(times) - 2)) if len(times) > 1 else 0
        share = position - before
        after = min(before + 1, len(times) - 1)
        return (1.0 - share) * self.points[before] + share * self.points[after]


def _run(
    schedule: NoiseSchedule, shape: tuple[int, int, int], count: int, steps: int, seed: int, sampler: Sampler | None
) -> ReverseRun:
    """The run of `count` walks; by DDIM without fresh noise unless another `sampler` is given."""
    pairs = sampling_pairs(schedule, min(steps, schedule.step_count), SPACING)
    return ReverseRun(schedule, sampler or DDIMSampler(), pairs, seed, tuple(range(count)), shape)


def walk_steps(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    plane: PlaneSlice,
    *,
    count: int = 24,
    steps: int = 50,
    seed: int = 0,
    starts: FloatArray | None = None,
    sampler: Sampler | None = None,
    dtype: torch.dtype = torch.float64,
) -> Iterator[Walk]:
    """Walk and yield what has been walked after every step; the last one is whole.

    starts: where to begin in the plane, (N, 2), instead of `count` draws of pure noise from `seed`.
    """
    number = count if starts is None else len(starts)
    run = _run(schedule, plane.shape, number, steps, seed, sampler)
    z = run.noise().initial().to(dtype) if starts is None else plane.points(starts, dtype)
    points, times = [plane.coordinates(z)], [run.pairs[0][0]]
    for step in run.steps(denoiser, z):
        points.append(plane.coordinates(step.z_s))
        times.append(step.s)
        yield Walk(np.stack(points), tuple(times))


def walk(denoiser: Denoiser, schedule: NoiseSchedule, plane: PlaneSlice, **how: object) -> Walk:
    """`walk_steps` to the end, with its arguments."""
    *_, whole = walk_steps(denoiser, schedule, plane, **how)
    return whole


def share_inside(ends: FloatArray, centres: FloatArray, reaches: FloatArray) -> float:
    """The share of the ends (N, 2) within `reaches[i]` of `centres[i]` for any i: (K, 2) and (K,). 0 without ends."""
    if not len(ends) or not len(centres):
        return 0.0
    # A walk that ends at a picture sits on a byte's grid, which may round it outwards by half a level.
    half_level = 0.5 * np.hypot(1.0, 1.0) / 127.5
    distances = np.hypot(*(ends[:, np.newaxis] - centres).transpose(2, 0, 1))
    return float((distances <= np.asarray(reaches) + half_level).any(1).mean())
