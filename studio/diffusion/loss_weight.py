"""How much the squared error of the network's output counts at each noise level.

Of z_t, an error in one prediction fixes the errors in the others. With SNR = ᾱ / (1 − ᾱ):

    ‖ε̂ − ε‖² = SNR · ‖x̂0 − x‖²,      ‖v̂ − v‖² = (SNR + 1) · ‖x̂0 − x‖²

                        ε                      x0              v
    simple              1                      1               1                        the output's error as it is
    min_snr             min(SNR, γ) / SNR      min(SNR, γ)     min(SNR, γ) / (SNR + 1)   min(SNR, γ) · ‖x̂0 − x‖²
    uniform_epsilon     1                      SNR             ᾱ                        ‖ε̂ − ε‖²

The last two mean the same loss, written on the right, whatever the network puts out.

Source: simple, Ho et al. (arXiv 2006.11239) eq. 14; min_snr, Hang et al. (arXiv 2303.09556) §3.4, whose γ is 5.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from studio.diffusion.parameterization import Parameterization
from studio.errors import SettingsError

LOSS_WEIGHTS = ("simple", "min_snr", "uniform_epsilon")

DEFAULT_GAMMA = 5.0


def loss_weight(
    kind: str, parameterization: Parameterization, alpha_bar: Tensor | np.ndarray, gamma: float = DEFAULT_GAMMA
) -> Tensor:
    """The factor on the squared error of the network's output at each noise level: the module's table.

    alpha_bar: ᾱ in [0, 1), any shape; float64 keeps 1 − ᾱ exact. gamma: of min_snr alone, > 0; the SNR from which on
    less noise counts no more. Returns float64 in the shape and on the device of alpha_bar; every value ≥ 0 and finite.

    Raises SettingsError for an unknown kind or a gamma that is not positive, ValueError for an unknown parameterization
    or an ᾱ outside [0, 1).
    """
    parameterization = Parameterization(parameterization)
    level = (
        alpha_bar.to(torch.float64) if isinstance(alpha_bar, Tensor) else torch.tensor(alpha_bar, dtype=torch.float64)
    )
    if not bool(((level >= 0.0) & (level < 1.0)).all()):
        raise ValueError("alpha_bar must lie in [0, 1)")
    match kind:
        case "simple":
            return torch.ones_like(level)
        case "min_snr":
            return _min_snr(parameterization, level, gamma)
        case "uniform_epsilon":
            return _uniform_epsilon(parameterization, level)
    raise SettingsError(f"There is no loss weight called {kind!r}.", f"Choose one of: {', '.join(LOSS_WEIGHTS)}.")


def _min_snr(parameterization: Parameterization, alpha_bar: Tensor, gamma: float) -> Tensor:
    if not (math.isfinite(gamma) and gamma > 0.0):
        raise SettingsError(f"The γ of min-SNR is {gamma!r}.", "Choose a number above 0, such as 5.")
    # Each is the table's quotient with SNR put in, so that nothing is divided by an SNR of 0.
    noise = 1.0 - alpha_bar
    match parameterization:
        case Parameterization.EPSILON:
            return (gamma * noise / alpha_bar).clamp(max=1.0)
        case Parameterization.X0:
            return (alpha_bar / noise).clamp(max=gamma)
        case Parameterization.V:
            return torch.minimum(alpha_bar, gamma * noise)


def _uniform_epsilon(parameterization: Parameterization, alpha_bar: Tensor) -> Tensor:
    match parameterization:
        case Parameterization.EPSILON:
            return torch.ones_like(alpha_bar)
        case Parameterization.X0:
            return alpha_bar / (1.0 - alpha_bar)
        case Parameterization.V:
            return alpha_bar.clone()
