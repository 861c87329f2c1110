"""The forward process measured: how much of the picture is left, and how much noise there is, in chains that were run.

What theory says of z_t given x (Bishop & Bishop eq. 20.7, 20.8):

    E[z_t | x] = √ᾱ_t x                var[z_t | x] = 1 − ᾱ_t in every pixel

What is measured in one chain, without asking theory:

    factor     a = ⟨z_t, x⟩ / ⟨x, x⟩                     the regression of z_t on x
    variance   v = ‖z_t − a x‖² / (D − 1)                the rest; one of D degrees of freedom went into a

Both are unbiased, their errors come from how they scatter over independent chains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from studio.diffusion.forward import markov_chain
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import SettingsError


@dataclass(frozen=True, eq=False)
class ForwardMoments:
    """What `chains` chains from one picture say about every step.

    factor_sum, factor_squares, variance_sum, variance_squares: float64 (T,), sums over chains of the two measures and
    of their squares. Moments of independent chains of one picture and schedule add up with `+`.
    """

    chains: int
    factor_sum: NDArray[np.float64] = field(repr=False)
    factor_squares: NDArray[np.float64] = field(repr=False)
    variance_sum: NDArray[np.float64] = field(repr=False)
    variance_squares: NDArray[np.float64] = field(repr=False)

    @property
    def factor(self) -> NDArray[np.float64]:
        """The measured mean factor, (T,); NaN for a picture that is zero everywhere, of which no factor is seen."""
        return self.factor_sum / self.chains

    @property
    def factor_error(self) -> NDArray[np.float64]:
        """The standard error of `factor`, (T,); NaN for a single chain."""
        return _standard_error(self.factor_sum, self.factor_squares, self.chains)

    @property
    def variance(self) -> NDArray[np.float64]:
        """The measured variance of the noise in a pixel, (T,); NaN for pictures of one value."""
        return self.variance_sum / self.chains

    @property
    def variance_error(self) -> NDArray[np.float64]:
        """The standard error of `variance`, (T,); NaN for a single chain."""
        return _standard_error(self.variance_sum, self.variance_squares, self.chains)

    def __add__(self, other: ForwardMoments) -> ForwardMoments:
        return ForwardMoments(
            self.chains + other.chains,
            self.factor_sum + other.factor_sum,
            self.factor_squares + other.factor_squares,
            self.variance_sum + other.variance_sum,
            self.variance_squares + other.variance_squares,
        )


def measure_chains(
    schedule: NoiseSchedule, x: torch.Tensor, seed: int, first: int, count: int
) -> Iterator[ForwardMoments | None]:
    """Run `count` Markov chains from one picture side by side, and measure them at every step.

    x: float32 (1, C, H, W). seed, first: the chains are number `first`, `first` + 1, … of the seed; the same numbers
    are the same chains. Yields None after every step but the last, so that whoever runs it may stop in between, and
    the ForwardMoments at the end.

    Raises SettingsError for less than one chain.
    """
    if count < 1:
        raise SettingsError(f"{count} chains measure nothing.", "Choose 1 or more.")
    # Chains of a batch share their stream: what matters is that no two are alike, not that one can be had alone.
    generator = torch.Generator().manual_seed(_mixed(seed, first))
    chains = x.expand(count, *x.shape[1:])
    direction = x.flatten(1)
    norm = float((direction.double() ** 2).sum())
    values = direction.shape[1]
    sums = np.full((4, schedule.step_count), np.nan)
    chain = markov_chain(schedule, chains, lambda t: torch.randn(chains.shape, generator=generator))
    for t, z in enumerate(chain):
        factors, variances = _measure(z.flatten(1), direction, norm, values)
        sums[:, t] = [float(each.sum()) for each in (factors, factors**2, variances, variances**2)]
        if t < schedule.step_count - 1:
            yield None
    yield ForwardMoments(count, *sums)


def _measure(z: torch.Tensor, direction: torch.Tensor, norm: float, values: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor and variance of each row of z (N, D); float64 (N,) each."""
    if norm == 0.0:
        factors = torch.full((z.shape[0],), math.nan, dtype=torch.float64)
        return factors, (z.double() ** 2).sum(1) / values
    factors = (z @ direction.T)[:, 0].double() / norm
    rest = z - factors.to(z.dtype)[:, None] * direction
    freedom = values - 1
    squares = (rest * rest).sum(1).double()
    return factors, squares / freedom if freedom else torch.full_like(squares, math.nan)


def _standard_error(sums: NDArray[np.float64], squares: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    if count < 2:
        return np.full_like(sums, np.nan)
    spread = np.maximum(squares - sums**2 / count, 0.0) / (count - 1)
    return np.sqrt(spread / count)


def _mixed(seed: int, first: int) -> int:
    """One seed of 63 bits for a batch."""
    return int(np.random.SeedSequence((seed, first)).generate_state(1, np.uint64)[0] >> np.uint64(1))
