"""The Fréchet distance between two sets of pictures, through Gaussians fitted to their features.

    d²(a, b) = ‖μ_a − μ_b‖² + Tr( C_a + C_b − 2 (C_a^½ C_b C_a^½)^½ )

Heusel et al., "GANs trained by a two time-scale update rule …", arXiv 1706.08500, eq. 6, there on Inception features;
numbers compare within one feature network only. C_a^½ C_b C_a^½ is symmetric and positive, so that its root is exact
even where C_a C_b is singular.

An estimate from n pictures is too large by a term in 1/n (Chong and Forsyth, arXiv 1911.07023). Two distances compare
only when they are from equally many pictures, and that of real pictures is not 0: it is the floor.

The standard error is the jackknife's: g groups of pictures, each left out once, se² = (g−1)/g Σ (d_{−j} − mean)²
(Efron and Tibshirani, An Introduction to the Bootstrap, ch. 11). Drawing with replacement instead would make a set look
like one of fewer pictures, and its distance too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.errors import DataError

_GROUPS = 10


@dataclass(frozen=True, eq=False)
class Moments:
    """count: of pictures. mean: float64 (D,). covariance: float64 (D, D), over count − 1."""

    count: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True)
class FrechetDistance:
    """value: the squared distance d². standard_error: how far it scatters from one set of as many pictures to the next.
    pictures: how many it was measured with."""

    value: float
    standard_error: float
    pictures: int

    def differs_from(self, other: FrechetDistance) -> bool:
        """Whether two distances are further apart than twice the standard error of their difference."""
        return abs(self.value - other.value) > 2.0 * math.hypot(self.standard_error, other.standard_error)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"value": self.value, "standard_error": self.standard_error, "pictures": self.pictures}


def fewest_pictures(features: int) -> int:
    """How many pictures a distance on so many features needs: enough for each group of the jackknife to be left out,
    and the covariance still to be of full rank."""
    return math.ceil((features + 1) * _GROUPS / (_GROUPS - 1)) + 1


def moments(features: NDArray[np.float64]) -> Moments:
    """The moments of features (N, D).

    Raises DataError when there are no more pictures than features: their covariance would be singular for want of
    pictures, and the distance would measure that.
    """
    count, dimensions = features.shape
    if count <= dimensions:
        raise DataError(
            f"{count} pictures are too few for a distance on {dimensions} features.",
            f"Use at least {fewest_pictures(dimensions)} pictures; ten times as many as features are better.",
        )
    mean = features.mean(0)
    centred = features - mean
    return Moments(count, mean, centred.T @ centred / (count - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """d² of the module's equation, never below 0. Raises ValueError when the numbers of features differ."""
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"{len(a.mean)} features cannot be compared with {len(b.mean)}")
    root = _root(a.covariance)
    eigenvalues = np.linalg.eigvalsh(root @ b.covariance @ root)
    cross = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    difference = a.mean - b.mean
    distance = difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * cross
    return max(0.0, float(distance))


def measure_distance(features: NDArray[np.float64], reference: Moments) -> FrechetDistance:
    """The distance of features (N, D) from the reference, with its standard error.

    The error is that of the N pictures alone: a reference is the same for all that is compared with it.
    Pictures in an order that means something should be shuffled before. Raises DataError for too few pictures.
    """
    if len(features) < fewest_pictures(features.shape[1]):
        raise DataError(
            f"{len(features)} pictures are too few for a distance on {features.shape[1]} features.",
            f"Use at least {fewest_pictures(features.shape[1])} pictures.",
        )
    whole = frechet_distance(moments(features), reference)
    group = np.arange(len(features)) % _GROUPS
    without = np.array([frechet_distance(moments(features[group != number]), reference) for number in range(_GROUPS)])
    error = math.sqrt((_GROUPS - 1) / _GROUPS * float(np.square(without - without.mean()).sum()))
    return FrechetDistance(whole, error, len(features))


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
