"""Classifier-free guidance: leaning away from "any picture" towards "a picture of this class".

    ε̂ = ε̂(z, t, none) + scale · (ε̂(z, t, class) − ε̂(z, t, none)),      and x̂0 likewise, being linear in ε̂

Ho & Salimans, arXiv 2207.12598, in the convention of Stable Diffusion and k-diffusion: scale 0 ignores the class, 1 is
the plain conditional model, more than 1 exaggerates the class. (The paper's own w is scale − 1.)

Guidance may be limited to an interval of noise levels, where it helps; outside of it the scale is 1 (Kynkäänniemi et
al., arXiv 2404.07724). Both answers come from one call on a batch of twice the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from studio.diffusion.denoisers.protocol import Condition, Denoiser
from studio.diffusion.prediction import Prediction
from studio.errors import SettingsError


@dataclass(frozen=True)
class Guidance:
    """scale: as in the module's equation, 0..100. lowest, highest: the t (0-based, inclusive) between which it acts;
    None for no limit.

    Raises SettingsError when a value is impossible.
    """

    scale: float = 1.0
    lowest: int | None = None
    highest: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and 0.0 <= self.scale <= 100.0):
            raise SettingsError(f"The guidance scale is {self.scale!r}.", "Choose a number from 0 to 100.")
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise SettingsError(
                f"Guidance cannot act from step {self.lowest + 1} up to step {self.highest + 1}.",
                "Give the smaller step first.",
            )

    @property
    def is_plain(self) -> bool:
        """Whether this is the conditional model as it is."""
        return self.scale == 1.0

    def acts_at(self, t: int) -> bool:
        """Whether the answer at t differs from the conditional model's."""
        above = self.lowest is None or t >= self.lowest
        below = self.highest is None or t <= self.highest
        return not self.is_plain and above and below


NO_GUIDANCE = Guidance()
"""The conditional model as it is."""


class GuidedDenoiser:
    """A denoiser that exaggerates its condition. Raises SettingsError when the denoiser knows no classes."""

    def __init__(self, denoiser: Denoiser, guidance: Guidance) -> None:
        if denoiser.class_count is None:
            raise SettingsError("This model knows no classes, so it cannot be guided.", "Set guidance to 1.")
        self.denoiser = denoiser
        self.guidance = guidance
        self.class_count: int | None = denoiser.class_count

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`; one call of the model, on a batch of twice the size where guidance acts."""
        if condition is None or not self.guidance.acts_at(t):
            return self.denoiser.predict(z_t, t, condition)
        count = z_t.shape[0]
        none = torch.full((count,), self.class_count, dtype=torch.int64, device=z_t.device)
        classes = torch.full_like(none, condition) if isinstance(condition, int) else condition.to(none)
        both = self.denoiser.predict(torch.cat((z_t, z_t)), t, torch.cat((classes, none)))
        return Prediction(eps=self._lean(both.eps, count), x0=self._lean(both.x0, count))

    def _lean(self, both: torch.Tensor, count: int) -> torch.Tensor:
        conditional, unconditional = both[:count], both[count:]
        return unconditional + self.guidance.scale * (conditional - unconditional)
