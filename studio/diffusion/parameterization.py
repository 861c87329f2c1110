"""The three quantities a network may be trained to predict, and the way from each to (ε̂, x̂0).

    z_t = √ᾱ x + √(1−ᾱ) ε
    ε-prediction    target ε                          x̂0 = (z_t − √(1−ᾱ) ε̂) / √ᾱ
    x0-prediction   target x                          ε̂ = (z_t − √ᾱ x̂0) / √(1−ᾱ)
    v-prediction    target v = √ᾱ ε − √(1−ᾱ) x        x̂0 = √ᾱ z_t − √(1−ᾱ) v̂,   ε̂ = √(1−ᾱ) z_t + √ᾱ v̂

Source: ε and x0, Bishop & Bishop §20.2.2 and Ho et al. (arXiv 2006.11239) §3.2; v, Salimans & Ho (arXiv 2202.00512) §4.
"""

from __future__ import annotations

import math
from enum import StrEnum

import torch

from studio.diffusion.prediction import Prediction


class Parameterization(StrEnum):
    """What the network's output means. The value is the name used in files."""

    EPSILON = "epsilon"
    X0 = "x0"
    V = "v"


def training_target(
    parameterization: Parameterization, x: torch.Tensor, noise: torch.Tensor, alpha_bar: torch.Tensor | float
) -> torch.Tensor:
    """What the network should output for picture `x` and total noise `noise`, both (N, C, H, W).

    alpha_bar: ᾱ as a float or a tensor that broadcasts, such as (N, 1, 1, 1); float64 keeps 1 − ᾱ exact.
    """
    match parameterization:
        case Parameterization.EPSILON:
            return noise
        case Parameterization.X0:
            return x
        case Parameterization.V:
            signal, sigma = _amplitudes(alpha_bar, x)
            return signal * noise - sigma * x
    raise ValueError(f"unknown parameterization {parameterization!r}")


def prediction_from_output(
    parameterization: Parameterization, output: torch.Tensor, z_t: torch.Tensor, alpha_bar: torch.Tensor | float
) -> Prediction:
    """(ε̂, x̂0) from what the network put out for z_t. Shapes and `alpha_bar` as in `training_target`."""
    signal, sigma = _amplitudes(alpha_bar, z_t)
    match parameterization:
        case Parameterization.EPSILON:
            return Prediction(eps=output, x0=(z_t - sigma * output) / signal)
        case Parameterization.X0:
            return Prediction(eps=(z_t - signal * output) / sigma, x0=output)
        case Parameterization.V:
            return Prediction(eps=sigma * z_t + signal * output, x0=signal * z_t - sigma * output)
    raise ValueError(f"unknown parameterization {parameterization!r}")


def output_from_prediction(
    parameterization: Parameterization, prediction: Prediction, alpha_bar: torch.Tensor | float
) -> torch.Tensor:
    """What a network would have put out to mean `prediction`: the inverse of `prediction_from_output`."""
    return training_target(parameterization, prediction.x0, prediction.eps, alpha_bar)


def convert(
    output: torch.Tensor,
    source: Parameterization,
    target: Parameterization,
    z_t: torch.Tensor,
    alpha_bar: torch.Tensor | float,
) -> torch.Tensor:
    """The output for z_t of a network trained for `source` as a network trained for `target` would put it.

    Shapes and `alpha_bar` as in `training_target`. From ε it divides by √ᾱ, from x0 by √(1−ᾱ): near pure noise and near
    the picture the one, or the other, says little about the rest.
    """
    if source == target:
        return output
    return output_from_prediction(target, prediction_from_output(source, output, z_t, alpha_bar), alpha_bar)


def _amplitudes(
    alpha_bar: torch.Tensor | float, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor] | tuple[float, float]:
    if isinstance(alpha_bar, torch.Tensor):
        signal, sigma = alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt()
        return signal.to(like), sigma.to(like)
    return math.sqrt(alpha_bar), math.sqrt(1.0 - alpha_bar)
