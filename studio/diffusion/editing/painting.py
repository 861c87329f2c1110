"""Painting on a noisy picture, in terms of the picture that it will become.

At every step z_t falls apart into what the model takes for picture and what it takes for noise:

    z_t = √ᾱ x̂0 + √(1−ᾱ) ε̂

A brush changes one of the two layers and leaves the other alone. Paint goes onto the picture layer while each pixel
keeps its own noise, so that the result is as noisy as a z_t has to be at this t; plain paint takes the noise away, and
fresh noise leaves the picture as it is. What nobody painted on stays z_t, bit for bit.

The idea of painting on the clean estimate and putting the noise back is that of SDEdit (Meng et al., arXiv 2108.01073),
with the pixel's own noise instead of new one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import torch

from studio.diffusion.schedule import NoiseSchedule


class Medium(StrEnum):
    """What a brush puts down."""

    PAINT = "paint"
    """A colour on the picture layer; every pixel keeps its noise."""
    PLAIN = "plain"
    """A colour, and no noise on it: √ᾱ times the colour."""
    FRESH = "fresh"
    """Other noise on the same picture."""
    ERASE = "erase"
    """z_t as it was."""


@dataclass(frozen=True)
class Brush:
    """medium: see there. color: one value a channel, in [-1, 1]. strength: 0..1, how far a pixel goes towards it.

    Raises ValueError when the strength lies outside.
    """

    medium: Medium = Medium.PAINT
    color: tuple[float, ...] = ()
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise ValueError(f"a brush's strength lies in 0..1, not at {self.strength}")


@dataclass(frozen=True, eq=False)
class PaintedState:
    """One picture's z_t with what was painted on it. All tensors float32 (C, H, W).

    original: z_t. picture, noise: its two layers now. touched: bool (H, W), where a brush has been.
    alpha_bar: ᾱ at t; noise_share: 1 − ᾱ, which is not always exact as a difference.
    """

    original: torch.Tensor
    picture: torch.Tensor
    noise: torch.Tensor
    touched: torch.Tensor
    alpha_bar: float
    noise_share: float

    @classmethod
    def of(
        cls, schedule: NoiseSchedule, t: int, z_t: torch.Tensor, x0: torch.Tensor, eps: torch.Tensor
    ) -> PaintedState:
        """An untouched z_t of step t with the model's prediction for it."""
        touched = torch.zeros(z_t.shape[-2:], dtype=torch.bool)
        return cls(z_t, x0, eps, touched, schedule.alpha_bar_at(t), schedule.one_minus_alpha_bar_at(t))

    @property
    def z(self) -> torch.Tensor:
        """z_t as it is painted now, float32 (C, H, W): the original's very bits wherever no brush has been."""
        mixed = math.sqrt(self.alpha_bar) * self.picture + math.sqrt(self.noise_share) * self.noise
        return torch.where(self.touched, mixed, self.original)

    def painted(
        self, mask: torch.Tensor, brush: Brush, *, fresh: torch.Tensor | None = None, untouched: PaintedState
    ) -> PaintedState:
        """The state after one stroke over the pixels of `mask`, bool (H, W).

        fresh: standard normal noise (C, H, W), which the medium FRESH needs. untouched: the state before any stroke,
        which ERASE goes back to.
        """
        picture, noise, s = self.picture, self.noise, brush.strength
        if brush.medium is Medium.ERASE:
            return PaintedState(
                self.original,
                torch.where(mask, untouched.picture, picture),
                torch.where(mask, untouched.noise, noise),
                self.touched & ~mask,
                self.alpha_bar,
                self.noise_share,
            )
        if brush.medium is Medium.FRESH:
            if fresh is None:
                raise ValueError("a brush of fresh noise needs noise")
            # The squares of the two weights add up to one, so that noise stays as strong as it was.
            noise = torch.where(mask, math.sqrt(1.0 - s * s) * noise + s * fresh, noise)
        else:
            color = torch.tensor(brush.color, dtype=picture.dtype).reshape(-1, 1, 1)
            picture = torch.where(mask, picture + s * (color - picture), picture)
            if brush.medium is Medium.PLAIN:
                noise = torch.where(mask, (1.0 - s) * noise, noise)
        return PaintedState(self.original, picture, noise, self.touched | mask, self.alpha_bar, self.noise_share)


def disc(height: int, width: int, center: tuple[float, float], diameter: float) -> torch.Tensor:
    """The pixels under a round brush, bool (H, W): those whose middle lies within `diameter` / 2 of `center` (x, y) in
    pixels, and always the one that holds the centre."""
    x = torch.arange(width, dtype=torch.float64) + 0.5
    y = torch.arange(height, dtype=torch.float64).reshape(-1, 1) + 0.5
    inside = (x - center[0]) ** 2 + (y - center[1]) ** 2 <= (diameter / 2) ** 2
    column, row = math.floor(center[0]), math.floor(center[1])
    if 0 <= row < height and 0 <= column < width:
        inside[row, column] = True
    return inside


def line(
    height: int, width: int, start: tuple[float, float], end: tuple[float, float], diameter: float
) -> torch.Tensor:
    """The pixels that a round brush passes on its way from `start` to `end`, bool (H, W)."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    steps = max(1, math.ceil(2 * length))
    mask = torch.zeros(height, width, dtype=torch.bool)
    for step in range(steps + 1):
        share = step / steps
        center = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
        mask |= disc(height, width, center, diameter)
    return mask
