"""Pixels that are given: inpainting by replacement.

At every step the known part of z_s is drawn from the forward process of the known picture, the rest by the sampler:

    known:    mean = √ᾱ_s x,   injected = √(1−ᾱ_s) ε           so at s = −1 it is x, exactly
    unknown:  mean and injected as the sampler has them

Source: Lugmayr et al., RePaint, arXiv 2201.09865, eq. 8. Their resampling is a matter of the walk: see repaint_pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from studio.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class KnownPixels:
    """picture: x in [-1, 1], (N or 1, C, H, W). mask: bool, broadcasts to the pictures; True where x is given.

    Raises ValueError when the mask is no mask for the picture.
    """

    picture: torch.Tensor
    mask: torch.Tensor

    def __post_init__(self) -> None:
        if self.mask.dtype != torch.bool or self.mask.ndim != 4 or self.mask.shape[-2:] != self.picture.shape[-2:]:
            raise ValueError(f"a mask must be bool (N, 1, H, W), not {self.mask.dtype} {tuple(self.mask.shape)}")

    def mean(self, schedule: NoiseSchedule, s: int, like: torch.Tensor) -> torch.Tensor:
        """√ᾱ_s x, broadcast, dtype and device of `like`; x itself at s = −1."""
        return (math.sqrt(schedule.alpha_bar_at(s)) * self.picture.to(like)).expand_as(like)

    def replace(self, values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """`known` where the pixels are given, `values` elsewhere."""
        return torch.where(self.mask.to(values.device), known, values)
