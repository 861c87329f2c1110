"""What a sampler needs to know about a model: its answer to a noisy picture.

A denoiser answers predict(z_t, t) with ε̂ and x̂0, which determine each other through z_t = √ᾱ x̂0 + √(1−ᾱ) ε̂.

A denoiser that knows K classes is asked for them by the numbers 0..K−1; the number K means "no class in particular".
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch

from studio.diffusion.prediction import Prediction

Condition = torch.Tensor | int | None


@runtime_checkable
class Denoiser(Protocol):
    """Predicts the noise in z_t and the picture under it.

    class_count: K, how many classes it can be asked for; None when it knows none.
    """

    class_count: int | None

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """ε̂ and x̂0 for z_t (N, C, H, W) at index t in 0..T−1.

        condition: class numbers int64 (N,) in 0..K, one class for all, or None for no class in particular.
        """
        ...
