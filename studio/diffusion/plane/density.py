"""The density of q(z_t) over a plane.

For pictures that are points of the plane, q(z_t) is a mixture of as many round Gaussians, each of which is a product of
two in one dimension: over a grid they are one matrix product. What a cell gets is the mean over the cell, by the error
function, so that nothing falls between the cells however little noise there is:

    ∫ over the cell = 1/M Σ_i [Φ((x_{j+1} − √ᾱ x_i)/σ) − Φ((x_j − √ᾱ x_i)/σ)] · [the same in y],      σ = √(1−ᾱ_t)

For all else the density on a slice is the denoiser's own log_density there.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from studio.diffusion.plane.slices import PlaneSlice
from studio.diffusion.schedule import NoiseSchedule

FloatArray = NDArray[np.float64]

SHARPEST = 1.0 / 255.0
"""The standard deviation with which t = −1, the pictures themselves, are drawn: half a grey level."""


class Extent(NamedTuple):
    """The rectangle of a plane that is looked at."""

    left: float
    right: float
    bottom: float
    top: float


class HasDensity(Protocol):
    """A denoiser that knows the density of z_t."""

    def log_density(self, z_t: torch.Tensor, t: int) -> torch.Tensor: ...


def density(
    points: FloatArray, schedule: NoiseSchedule, t: int, extent: Extent, resolution: tuple[int, int]
) -> FloatArray:
    """q(z_t) of pictures at points (M, 2), each as likely as the others, as the mean over each cell: per unit of area.

    t: −1..T−1. resolution: (columns, rows). Returns (rows, columns) with the first row at the bottom; over an extent
    that holds all, its sum times the area of a cell is 1. Without points it is 0 everywhere.
    """
    columns, rows = resolution
    if not len(points):
        return np.zeros((rows, columns))
    signal = math.sqrt(schedule.alpha_bar_at(t))
    sigma = max(math.sqrt(schedule.one_minus_alpha_bar_at(t)), SHARPEST)
    across = _cells(signal * points[:, 0], sigma, extent[0], extent[1], columns)
    up = _cells(signal * points[:, 1], sigma, extent[2], extent[3], rows)
    cell = (extent[1] - extent[0]) * (extent[3] - extent[2]) / (columns * rows)
    return (up @ across.T / (len(points) * cell)).numpy()


def density_on(
    denoiser: HasDensity, plane: PlaneSlice, t: int, points: FloatArray, dtype: torch.dtype = torch.float64
) -> FloatArray:
    """q(z_t) at points (G, 2) of a slice, divided by its largest value there, (G,): in image spaces of many dimensions
    densities themselves are beyond any number."""
    logs = denoiser.log_density(plane.points(points, dtype), t)
    return (logs - logs.max()).exp().numpy()


def resampled(values: FloatArray, extent: Extent, wanted: Extent, resolution: tuple[int, int]) -> FloatArray:
    """Cells over `extent`, (rows, columns) from the bottom, as cells over `wanted`: between middles along straight
    lines, 0 outside. resolution: (columns, rows)."""
    rows, columns = values.shape
    across = wanted[0] + (np.arange(resolution[0]) + 0.5) / resolution[0] * (wanted[1] - wanted[0])
    up = wanted[2] + (np.arange(resolution[1]) + 0.5) / resolution[1] * (wanted[3] - wanted[2])
    x = (across - extent[0]) / (extent[1] - extent[0]) * columns - 0.5
    y = (up - extent[2]) / (extent[3] - extent[2]) * rows - 0.5
    padded = np.pad(values, 1)
    x, y = np.clip(x + 1, 0, columns + 1), np.clip(y + 1, 0, rows + 1)
    left, low = np.minimum(x.astype(int), columns), np.minimum(y.astype(int), rows)
    right_share, up_share = x - left, (y - low)[:, np.newaxis]
    lower = padded[low][:, left] * (1 - right_share) + padded[low][:, left + 1] * right_share
    upper = padded[low + 1][:, left] * (1 - right_share) + padded[low + 1][:, left + 1] * right_share
    return lower * (1 - up_share) + upper * up_share


def _cells(middles: FloatArray, sigma: float, low: float, high: float, count: int) -> torch.Tensor:
    """How much of a Gaussian around each middle falls into each of `count` equal cells, float64 (count, M)."""
    edges = torch.linspace(low, high, count + 1, dtype=torch.float64)
    scaled = (edges.unsqueeze(1) - torch.tensor(middles)) / (sigma * math.sqrt(2.0))
    return torch.erf(scaled).diff(dim=0).mul_(0.5)
