"""What the rules that remember earlier pictures share: steps in half log-SNR, λ = log(√ᾱ / √(1−ᾱ)), h = λ_s − λ_t.

With a picture x̄ that stands for x̂0 along the whole step, the reverse process without fresh noise is solved exactly by

    z_s = √(1−ᾱ_s)/√(1−ᾱ_t) z_t + √ᾱ_s (1 − e^{−h}) x̄

(Lu et al., arXiv 2211.01095, proposition 4.1). As one step of every sampler's equation, mean = state·z_t −
predicted_noise·direction with the numbers of `deterministic_coefficients`, that is

    direction = (z_t − √ᾱ_t x̄) / √(1−ᾱ_t) = ε̂ − (√ᾱ_t/√(1−ᾱ_t)) (x̄ − x̂0)
"""

from __future__ import annotations

import math

import torch

from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule


def half_log_snr_step(schedule: NoiseSchedule, t: int, s: int) -> float:
    """h = λ_s − λ_t ≥ 0 for −1 ≤ s < t; infinite at s = −1, where no noise is left. 0 only where a β is too small to
    be told from none."""
    return math.inf if s == -1 else 0.5 * float(schedule.log_snr[s] - schedule.log_snr[t])


def direction_towards(picture: torch.Tensor, prediction: Prediction, schedule: NoiseSchedule, t: int) -> torch.Tensor:
    """The direction of a step from z_t which takes `picture` for x̂0 all along; `prediction` is the model's answer to
    z_t. All (N, C, H, W)."""
    # From ε̂ and not from z_t: where σ is small the difference of z_t and the signal has few digits left in float32.
    signal_to_noise = math.sqrt(schedule.alpha_bar_at(t) / schedule.one_minus_alpha_bar_at(t))
    return prediction.eps - signal_to_noise * (picture - prediction.x0)
