"""What a denoiser says about a noisy picture: the noise in it and the picture under it.

z_t = √ᾱ_t x + √(1 − ᾱ_t) ε      so either one follows from the other and z_t
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Prediction:
    """ε̂, the predicted total noise in z_t, and x̂0, the predicted picture; both float, in the shape of z_t."""

    eps: torch.Tensor
    x0: torch.Tensor
