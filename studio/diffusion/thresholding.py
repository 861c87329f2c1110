"""Holding the estimate x̂0 within the range of pictures, and recomputing ε̂ so that the step's equations stay true.

clip       x̂0 ← min(max(x̂0, −1), 1)                       Ho et al., in the code published with arXiv 2006.11239
dynamic    q ← the p-quantile of |x̂0| over one picture, at least 1;   x̂0 ← min(max(x̂0, −q), q) / q
                                                            Saharia et al., arXiv 2205.11487, §2.3
ε̂ ← (z_t − √ᾱ x̂0) / √(1−ᾱ)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import SettingsError

THRESHOLDS = ("none", "clip", "dynamic")


@dataclass(frozen=True)
class Thresholding:
    """kind: "none", "clip" or "dynamic". quantile: p of the dynamic kind, in (0, 1].

    Raises SettingsError when one of them is impossible.
    """

    kind: str = "none"
    quantile: float = 0.995

    def __post_init__(self) -> None:
        if self.kind not in THRESHOLDS:
            raise SettingsError(
                f"There is no thresholding called {self.kind!r}.", f"Choose one of: {', '.join(THRESHOLDS)}."
            )
        if not 0.0 < self.quantile <= 1.0:
            raise SettingsError(f"The quantile of the threshold is {self.quantile!r}.", "Choose one above 0, up to 1.")

    @property
    def acts(self) -> bool:
        """Whether it changes anything at all."""
        return self.kind != "none"

    def apply(
        self, prediction: Prediction, z_t: torch.Tensor, schedule: NoiseSchedule, t: int
    ) -> tuple[Prediction, float]:
        """The prediction within range, and the share of x̂0 that lay beyond ±1 before. Where nothing was moved, ε̂ stays
        as it was, bit for bit."""
        beyond = prediction.x0.abs() > 1.0
        share = float(beyond.float().mean())
        if self.kind == "none" or share == 0.0:
            return prediction, share
        if self.kind == "clip":
            x0, moved = prediction.x0.clamp(-1.0, 1.0), beyond
        else:
            limit = _quantile_of_each(prediction.x0, self.quantile).clamp(min=1.0)
            x0, moved = prediction.x0.clamp(-limit, limit) / limit, beyond | (limit > 1.0)
        signal, sigma = math.sqrt(schedule.alpha_bar_at(t)), math.sqrt(schedule.one_minus_alpha_bar_at(t))
        return Prediction(eps=torch.where(moved, (z_t - signal * x0) / sigma, prediction.eps), x0=x0), share


NO_THRESHOLDING = Thresholding()
"""x̂0 as the model gives it."""


def _quantile_of_each(x0: torch.Tensor, quantile: float) -> torch.Tensor:
    values = x0.abs().flatten(1).float()
    # torch.quantile refuses large inputs; the order statistic just above is as good.
    rank = max(1, math.ceil(quantile * values.shape[1]))
    return values.kthvalue(rank, dim=1).values.to(x0).view(-1, *(1,) * (x0.ndim - 1))
