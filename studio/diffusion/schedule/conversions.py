"""Four names for one noise level, and from all of them to β.

    λ_t = log SNR_t = log(ᾱ_t / (1 − ᾱ_t))
    log ᾱ_t = −log(1 + e^{−λ_t})                     Kingma et al., Variational Diffusion Models, arXiv 2107.00630, §3.1
    σ_t² = (1 − ᾱ_t) / ᾱ_t = e^{−λ_t}                Karras et al., arXiv 2206.00364: the noise in z_t / √ᾱ_t
    β_t = 1 − ᾱ_t / ᾱ_{t−1},  ᾱ_0 = 1

All goes through log ᾱ: neither the little noise of the first steps nor the little picture of the last ones is lost to
rounding.
"""

from __future__ import annotations

import numpy as np

# The last ᾱ of a schedule that "ends in pure noise": not 0, so that ε̂ and x̂0 still determine each other.
SMALLEST_ALPHA_BAR = 2.0**-24
# Three times what float64 can tell apart at log ᾱ = −20: with it as the least β, ᾱ falls at every step.
SMALLEST_BETA = 1e-14
LARGEST_BETA = 1.0 - 2.0**-53


def log_alpha_bar_of_log_snr(log_snr: np.ndarray) -> np.ndarray:
    """log ᾱ of log-SNR, element by element; exact at both ends."""
    return -np.logaddexp(0.0, -np.asarray(log_snr, dtype=np.float64))


def log_alpha_bar_of_sigma(sigma: np.ndarray) -> np.ndarray:
    """log ᾱ of σ = √(1 − ᾱ)/√ᾱ > 0, element by element; exact at both ends."""
    return log_alpha_bar_of_log_snr(-2.0 * np.log(sigma))


def beta_of_log_alpha_bar(log_alpha_bar: np.ndarray, largest: float = LARGEST_BETA) -> np.ndarray:
    """β (T,) of log ᾱ (T,) < 0 that does not rise, each at least `SMALLEST_BETA` and at most `largest`; in (0, 1).

    The least β matters only where the curve is so flat that float64 cannot tell two steps apart; over 100,000 steps it
    moves log ᾱ by at most 10⁻⁹.
    """
    beta = -np.expm1(np.diff(log_alpha_bar, prepend=0.0))
    return np.clip(beta, SMALLEST_BETA, largest)
