"""UniPC-2 with B₂(h), predicting the picture: Zhao et al., arXiv 2302.04867, §3.

With λ = log(√ᾱ/√(1−ᾱ)), h = λ_s − λ_t for this step, h₋ and h₋₋ for the two before it, every part is the exact step

    S(z, x̄) = √(1−ᾱ_s)/√(1−ᾱ_t) z + √ᾱ_s (1 − e^{−h}) x̄

for a picture x̄ that is the average, over the step, of a curve through the pictures the model gave:

    corrector   z̃_t = S₋(z̃₋, x̂0₋ + ρ₁ (x̂0₋ − x̂0₋₋) h₋/h₋₋ + ρ₂ (x̂0 − x̂0₋))
    predictor   z_s = S(z̃_t, x̂0 + ½ (x̂0 − x̂0₋) h/h₋)

The corrector takes the step before once more, now that the model's answer at its end, x̂0, is known as well; the
predictor departs from the corrected z̃_t.

The corrector's numbers make it exact for a parabola: with u = (λ − λ₋)/h₋ the place within the step, which the exact
solution weights by e^{h₋u},

    ρ₂ + ρ₁ = E[u] = 1/(1−e^{−h₋}) − 1/h₋,     ρ₂ − ρ₁ h₋₋/h₋ = E[u²] = 1/(1−e^{−h₋}) − 2E[u]/h₋

and with only one step behind it ρ₁ = 0, ρ₂ = ½. The predictor's ½ is E[u] for a small step, as in DPM-Solver++(2M).

The correction needs no further model call: x̂0 stays the answer to the uncorrected z_t. It raises the order from the
predictor's two to three. The last step, to the picture, has h = ∞ and ends at x̂0, wherever it departs
from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from studio.diffusion.prediction import Prediction
from studio.diffusion.samplers.exponential import direction_towards, half_log_snr_step
from studio.diffusion.samplers.protocol import Ask, DeterministicSampler, Evaluation, Move
from studio.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True)
class UniPCSampler(DeterministicSampler):
    """Predicts as DPM-Solver++(2M) does, and corrects each step once the model has answered at its end."""

    name: ClassVar[str] = "unipc"
    memory: ClassVar[int] = 2

    def move(
        self,
        schedule: NoiseSchedule,
        t: int,
        s: int,
        z: torch.Tensor,
        prediction: Prediction,
        before: Sequence[Evaluation],
        ask: Ask,
    ) -> Move:
        """See `Sampler.move`."""
        step = half_log_snr_step(schedule, t, s)
        step_before = half_log_snr_step(schedule, before[-1].t, t) if before else 0.0
        if step <= 0.0 or step_before <= 0.0:
            # Nothing is known yet, or two levels of noise are one and the same: no line can be drawn.
            return Move(direction=prediction.eps, departure=z)
        corrected = _corrected(schedule, t, prediction.x0, step_before, before)
        if s == -1:
            return Move(direction=prediction.eps, departure=corrected)
        ahead = prediction.x0 + step / (2.0 * step_before) * (prediction.x0 - before[-1].x0)
        # What departing from z̃_t instead of z_t adds to z_s, (σ_s/σ_t)(z̃_t − z_t), as a part of the direction.
        sigma = math.sqrt(schedule.one_minus_alpha_bar_at(t))
        correction = (corrected - z) * (math.exp(-step) / (-math.expm1(-step) * sigma))
        return Move(direction=direction_towards(ahead, prediction, schedule, t) - correction, departure=corrected)


def _corrected(
    schedule: NoiseSchedule, t: int, x0: torch.Tensor, step: float, before: Sequence[Evaluation]
) -> torch.Tensor:
    """z̃_t: the step that led to t, of half log-SNR `step`, taken again with the picture x0 at its end."""
    last = before[-1]
    picture = last.x0 + 0.5 * (x0 - last.x0)
    if len(before) > 1:
        ratio = half_log_snr_step(schedule, before[-2].t, last.t) / step
        if ratio > 0.0:
            mean, mean_square = place_moments(step)
            bend = (mean - mean_square) / (1.0 + ratio)
            picture = last.x0 + bend / ratio * (last.x0 - before[-2].x0) + (mean - bend) * (x0 - last.x0)
    kept_noise = math.sqrt(schedule.one_minus_alpha_bar_at(t) / schedule.one_minus_alpha_bar_at(last.t))
    return kept_noise * last.departure - math.sqrt(schedule.alpha_bar_at(t)) * math.expm1(-step) * picture


def place_moments(step: float) -> tuple[float, float]:
    """E[u] and E[u²] for u in 0..1 with density proportional to e^{step·u}, step > 0."""
    if step < 0.01:
        # The closed forms lose step⁻² of their digits; the series are good to 10⁻¹² here.
        return 1 / 2 + step / 12 - step**3 / 720, 1 / 3 + step / 12 + step**2 / 360 - step**3 / 720
    rest = -1.0 / math.expm1(-step)
    mean = rest - 1.0 / step
    return mean, rest - 2.0 * mean / step
