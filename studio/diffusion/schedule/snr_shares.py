"""How a schedule spends its steps: the share of them at each signal-to-noise ratio.

SNR is counted in decibels, 10 log₁₀ (ᾱ / (1 − ᾱ)): at 0 dB picture and noise are equally strong. A sampler that walks
all steps, and a training that draws t evenly, meet each SNR as often as this says (Kingma et al., Variational Diffusion
Models, arXiv 2107.00630, §5.1: with the loss weighted alike, that is all that a schedule changes).
"""

from __future__ import annotations

import math

import numpy as np

from studio.diffusion.schedule.noise_schedule import NoiseSchedule

DECIBELS = 10.0 / math.log(10.0)
"""Decibels in one unit of log-SNR (natural logarithm)."""

DECIBEL_EDGES = tuple(range(-40, 41, 5))


def snr_decibels(schedule: NoiseSchedule) -> np.ndarray:
    """10 log₁₀ SNR_t, float64 (T,), falling."""
    return schedule.log_snr * DECIBELS


def snr_shares(schedule: NoiseSchedule, edges: tuple[float, ...] = DECIBEL_EDGES) -> np.ndarray:
    """The share of the T steps in each bin of decibels, float64 (len(edges) − 1,), summing to 1.

    edges: rising, at least two. A step on an edge counts above it; the outer bins also hold what lies beyond them, such
    as the steps at the end that hold no picture. Raises ValueError for other edges.
    """
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise ValueError("the edges of bins are at least two rising numbers")
    bins = np.searchsorted(edges[1:-1], snr_decibels(schedule), side="right")
    return np.bincount(bins, minlength=edges.size - 1) / schedule.step_count
