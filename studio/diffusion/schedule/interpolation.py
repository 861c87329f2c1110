"""Monotone cubic interpolation: a smooth curve through points that rises and falls only where the points do.

Between neighbours x_k, x_{k+1} at distance h_k, with the secant δ_k = (y_{k+1} − y_k)/h_k and slopes d_k at the points,
the curve is the cubic Hermite polynomial. It is monotone when 0 ≤ d/δ ≤ 3 at both ends (Fritsch & Carlson, Monotone
piecewise cubic interpolation, SIAM J. Numer. Anal. 17, 1980, §3), as with the weighted harmonic mean of the secants:

    (w_1 + w_2)/d_k = w_1/δ_{k−1} + w_2/δ_k,   w_1 = 2h_k + h_{k−1},   w_2 = h_k + 2h_{k−1}

(Fritsch & Butland, SIAM J. Sci. Stat. Comput. 5, 1984; "pchip" in Moler, Numerical Computing with Matlab, 2004, §3.4),
and d_k = 0 where the secants do not agree in sign. At the outer points the slope is that of the parabola through three
points, cut to what is monotone.
"""

from __future__ import annotations

import numpy as np


def monotone_cubic(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The values at `at` (M,) of the monotone curve through (x, y), both (N,), N ≥ 2, x increasing; float64 (M,).

    Outside of x the curve stays at its end's value. No value leaves the range of its two neighbours in y.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    at = np.clip(at, x[0], x[-1])
    gap = np.diff(x)
    secant = np.diff(y) / gap
    slope = _slopes(gap, secant)
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, gap.size - 1)
    h, share = gap[left], (at - x[left]) / gap[left]
    rest = 1.0 - share
    # The Hermite polynomial as a straight line and what bends it: exact at both points.
    bend = share * rest * h * (rest * (slope[left] - secant[left]) - share * (slope[left + 1] - secant[left]))
    values = rest * y[left] + share * y[left + 1] + bend
    return np.clip(values, np.minimum(y[left], y[left + 1]), np.maximum(y[left], y[left + 1]))


def _slopes(gap: np.ndarray, secant: np.ndarray) -> np.ndarray:
    if secant.size == 1:
        return np.repeat(secant, 2)
    before, after = secant[:-1], secant[1:]
    weight_before, weight_after = 2.0 * gap[1:] + gap[:-1], gap[1:] + 2.0 * gap[:-1]
    agree = np.sign(before) * np.sign(after) > 0.0
    inner = np.zeros_like(before)
    # The reciprocal of a secant below 1e-308 is infinite, which makes the slope 0, as it should be.
    with np.errstate(over="ignore"):
        inner[agree] = (weight_before + weight_after)[agree] / (
            weight_before[agree] / before[agree] + weight_after[agree] / after[agree]
        )
    first = _outer_slope(gap[0], gap[1], secant[0], secant[1])
    last = _outer_slope(gap[-1], gap[-2], secant[-1], secant[-2])
    return np.concatenate(([first], inner, [last]))


def _outer_slope(gap: float, next_gap: float, secant: float, next_secant: float) -> float:
    slope = ((2.0 * gap + next_gap) * secant - gap * next_secant) / (gap + next_gap)
    if np.sign(slope) != np.sign(secant):
        return 0.0
    if np.sign(secant) != np.sign(next_secant) and abs(slope) > 3.0 * abs(secant):
        return 3.0 * secant
    return slope
