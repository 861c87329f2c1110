"""What a denoiser says at every point of a plane: the predicted noise, the picture under it, and the way there.

The movement is that of one deterministic step (DDIM, arXiv 2010.02502, eq. 12 with η = 0) from t to s:

    z_s − z_t = (√(ᾱ_s/ᾱ_t) − 1) z_t − c ε̂,      c = √(ᾱ_s/ᾱ_t) √(1−ᾱ_t) − √(1−ᾱ_s)

which for short steps is the probability flow (Song et al., arXiv 2011.13456, eq. 13) and lies along x̂0 − √ᾱ_t z_t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studio.diffusion.denoisers import Condition, Denoiser
from studio.diffusion.plane.slices import PlaneSlice
from studio.diffusion.samplers import DDIMSampler
from studio.diffusion.schedule import NoiseSchedule

WALK_STEPS = 50
"""The movement is that of a step of a walk of about this many: long enough to see, short enough to be straight."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """Arrows at the points of a plane; all float64 (G, 2), in coordinates of the plane.

    points: where, z_t. eps: ε̂. subtracted: −c ε̂, what the step takes off. x0: x̂0 as a point. movement: z_s − z_t.
    t, s: from which noise level to which, 0-based, s = −1 the picture.
    within: the share of each movement's length that lies in the plane, (G,), 0..1; all 1 where the plane is everything.
    """

    points: FloatArray
    eps: FloatArray
    subtracted: FloatArray
    x0: FloatArray
    movement: FloatArray
    within: FloatArray
    t: int
    s: int

    def drawn_scale(self, spacing: float) -> float:
        """By which factor to draw the movement so that all but the longest tenth of the arrows fit into `spacing`."""
        lengths = np.hypot(*self.movement.T)
        long = float(np.quantile(lengths, 0.9)) if len(lengths) else 0.0
        return spacing / long if long > 0.0 else 0.0


def grid(extent: Sequence[float], columns: int, rows: int | None = None) -> FloatArray:
    """The middles of columns × rows equal cells of (left, right, bottom, top), row by row from the bottom, (G, 2).

    rows: as many as columns when not given.
    """
    left, right, bottom, top = extent
    rows = columns if rows is None else rows
    across, up = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    x, y = np.meshgrid(left + (right - left) * across, bottom + (top - bottom) * up)
    return np.stack((x.ravel(), y.ravel()), axis=1)


def next_level(schedule: NoiseSchedule, t: int) -> int:
    """The s that the movement at t leads to."""
    return max(t - max(1, round(schedule.step_count / WALK_STEPS)), -1)


def field(
    denoiser: Denoiser,
    schedule: NoiseSchedule,
    plane: PlaneSlice,
    t: int,
    points: FloatArray,
    condition: Condition = None,
    dtype: torch.dtype = torch.float64,
) -> Field:
    """The field at points (G, 2) of the plane at index t in 0..T−1; one call of the denoiser.

    dtype: what the denoiser is asked in; float32 for a network. Raises ScheduleError outside of 0..T−1.
    """
    z = plane.points(points, dtype)
    prediction = denoiser.predict(z, t, condition)
    s = next_level(schedule, t)
    coefficients = DDIMSampler().coefficients(schedule, t, s)
    eps = prediction.eps.to("cpu", torch.float64)
    movement = (coefficients.state - 1.0) * z.to(torch.float64) - coefficients.predicted_noise * eps
    flat, lengths = plane.directions(movement), movement.flatten(1).norm(dim=1).numpy()
    within = np.divide(np.hypot(*flat.T), lengths, out=np.ones_like(lengths), where=lengths > 0.0)
    noise = plane.directions(eps)
    return Field(
        points=np.asarray(points, float),
        eps=noise,
        subtracted=-coefficients.predicted_noise * noise,
        x0=plane.coordinates(prediction.x0),
        movement=flat,
        within=np.minimum(within, 1.0),
        t=t,
        s=s,
    )


def difference(a: Field, b: Field) -> Field:
    """a − b at the same points and the same t: how a's answers differ from b's; `x0` is then a direction too.

    Raises ValueError for fields at different points or levels.
    """
    _check_alike(a, b)
    return Field(
        points=a.points,
        eps=a.eps - b.eps,
        subtracted=a.subtracted - b.subtracted,
        x0=a.x0 - b.x0,
        movement=a.movement - b.movement,
        within=np.minimum(a.within, b.within),
        t=a.t,
        s=a.s,
    )


def angle_between(a: Field, b: Field) -> FloatArray:
    """The angle between the two movements at each point, degrees 0..180, (G,); 0 where one of them stands still.

    Average it as it is, or with the density of q(z_t) as weights, to count what noisy pictures really meet.
    """
    _check_alike(a, b)
    along = (a.movement * b.movement).sum(1)
    across = a.movement[:, 0] * b.movement[:, 1] - a.movement[:, 1] * b.movement[:, 0]
    return np.degrees(np.abs(np.arctan2(across, along)))


def _check_alike(a: Field, b: Field) -> None:
    if a.t != b.t or a.s != b.s or not np.array_equal(a.points, b.points):
        raise ValueError("two fields can only be compared at the same points and the same t")
