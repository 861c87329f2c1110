"""Features that need no learning, for looking at a model again and again while it is trained.

Random filters of 3 × 3, three layers of them with a ReLU and pooling by two in between, each layer's answers averaged
over a grid of 4 × 4 and their strength over the whole picture; of these numbers the K directions in which the data vary
most, each divided by its spread. Untrained filters see less than trained ones (`feature_training`), but they are there
at once, are the same for the same data, and put the moments of one training into the right order. Pictures of up to 8
values are their own features.

Measured with 128 pictures at nine moments of a training, as a multiple of what 128 real pictures give:
Fashion-MNIST ("good", 1.6k to 100k pictures seen) 29, 19, 9.7, 5.7, 4.0, 2.6, 2.2, 1.8, 1.5, 1.2; avatars 24, 16, 12,
7.5, 4.7, 3.3, 3.0, 2.5, 2.3. On the learned features the same moments give 24, 19, 23, 20, 13, 6.2, 4.2, 3.1, 2.6, 2.3
and 37, 30, 20, 11, 7.8, 7.0, 6.3, 4.9, 4.4. Sixteen directions see less of late progress, 64 need more pictures; the
pixels alone call Fashion-MNIST finished after 10,000 pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from studio.data.pixels import to_model_range
from studio.evaluation.features import MOST_PIXEL_FEATURES
from studio.evaluation.frechet import Moments, frechet_distance, moments

MOST_FEATURES = 32
FEWEST_PICTURES = 16
"""The fewest pictures of either kind that say anything."""

REFERENCE_PICTURES = 2000
"""How many pictures of the data are looked at."""

_FILTERS = 32
_LAYERS = 3
_SMALLEST_SIDE = 4
_LARGEST_SIDE = 32
_GRID = 4
_VALUES_AT_A_TIME = 2**17
_PICTURES_PER_FEATURE = 3
_FLOOR_DRAWS = 4
_SPARE_DIRECTIONS = 16
_ITERATIONS = 6


@dataclass(frozen=True, eq=False)
class QuickMeasure:
    """Fréchet distances to the data on K quick features; see the module.

    filters: of each layer, float32 (32, channels, 3, 3); none where the values themselves are the features.
    mean: float64 (D,). directions: float64 (D, K), scaled to a spread of 1 on the data. reference: of the data.
    """

    filters: tuple[Tensor, ...]
    mean: NDArray[np.float64]
    directions: NDArray[np.float64]
    reference: Moments

    @property
    def count(self) -> int:
        """K, how many features a picture has."""
        return self.directions.shape[1]

    @property
    def fewest_pictures(self) -> int:
        """How many pictures a distance needs."""
        return self.count + 2

    def features(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Of uint8 (N, H, W, C), float64 (N, K)."""
        return (_raw(self.filters, pictures) - self.mean) @ self.directions

    def distance(self, pictures: NDArray[np.uint8]) -> float:
        """The Fréchet distance of `pictures` uint8 (N, H, W, C) to the data. It compares only with that of as many
        others. Raises DataError when there are no more than K."""
        return frechet_distance(moments(self.features(pictures)), self.reference)

    def floor(self, data: NDArray[np.uint8], count: int, seed: int = 0) -> float:
        """The distance of `count` real pictures, drawn from `data` uint8 (M, H, W, C), M >= count: what a perfect model
        would have. The mean of a few draws, without one picture twice in one of them."""
        random = np.random.default_rng(seed)
        draws = (np.sort(random.permutation(len(data))[:count]) for _ in range(_FLOOR_DRAWS))
        return float(np.mean([self.distance(data[draw]) for draw in draws]))


def quick_measure(data: NDArray[np.uint8], pictures: int, seed: int = 0) -> QuickMeasure | None:
    """The measure for `data` uint8 (M, H, W, C) by which sets of `pictures` pictures each are to be judged.

    Takes about a second of one core at most. None when there are too few pictures of either kind to say anything.
    """
    fewest = min(pictures, len(data))
    if fewest < FEWEST_PICTURES:
        return None
    chosen = np.sort(np.random.default_rng(seed).permutation(len(data))[:REFERENCE_PICTURES])
    some = data[chosen]
    filters = _random_filters(data.shape[1:], seed)
    raw = _raw(filters, some)
    mean = raw.mean(0)
    most = min(MOST_FEATURES, fewest // _PICTURES_PER_FEATURE)
    variances, vectors = _main_directions(torch.from_numpy(raw - mean), most, seed)
    # Directions in which the data do not vary cannot be scaled, and say nothing.
    kept = variances > 1e-9 * max(float(variances.max()), 1e-30)
    if not kept.any():
        return None
    directions = vectors[:, kept] / np.sqrt(variances[kept])
    return QuickMeasure(filters, mean, directions, moments((raw - mean) @ directions))


def _main_directions(centred: Tensor, most: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances, float64 (K,), and directions, float64 (D, K), of the largest spread, K <= `most`.

    By iterating a random subspace (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4): the whole
    decomposition of some 1,700 columns takes seconds. In torch, whose threads a training chooses; numpy's are not.
    """
    columns = centred.shape[1]
    size = min(columns, most + _SPARE_DIRECTIONS)
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(columns, size, generator=generator, dtype=torch.float64)
    for _ in range(_ITERATIONS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    _, spreads, vectors = torch.linalg.svd(centred @ basis, full_matrices=False)
    variances = spreads.square() / max(1, len(centred) - 1)
    return variances[:most].numpy(), (basis @ vectors.T)[:, :most].numpy()


def _random_filters(shape: tuple[int, ...], seed: int) -> tuple[Tensor, ...]:
    height, width, channels = shape
    if math.prod(shape) <= MOST_PIXEL_FEATURES:
        return ()
    generator = torch.Generator().manual_seed(seed)
    side, filters = min(height, width, _LARGEST_SIDE), []
    while len(filters) < _LAYERS and (side >= _SMALLEST_SIDE or not filters):
        # He et al., arXiv 1502.01852: what comes out of a ReLU is as strong as what went in.
        scale = math.sqrt(2.0 / (9 * channels))
        filters.append(torch.randn(_FILTERS, channels, 3, 3, generator=generator) * scale)
        channels, side = _FILTERS, -(-side // 2)
    return tuple(filters)


@torch.no_grad()
def _raw(filters: tuple[Tensor, ...], pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, H, W, C) -> float64 (N, D), some pictures at a time."""
    if not filters:
        return pictures.reshape(len(pictures), -1).astype(np.float64)
    size = max(1, _VALUES_AT_A_TIME // math.prod(pictures.shape[1:]))
    parts = [_answers(filters, pictures[start : start + size]) for start in range(0, len(pictures), size)]
    return torch.cat(parts).double().numpy()


def _answers(filters: tuple[Tensor, ...], pictures: NDArray[np.uint8]) -> Tensor:
    x = to_model_range(pictures)
    larger = -(-max(x.shape[2:]) // _LARGEST_SIDE)
    if larger > 1:
        x = F.avg_pool2d(x, larger, ceil_mode=True)
    found = []
    for number, weight in enumerate(filters):
        if number > 0:
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        answer = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight)
        x = F.relu(answer)
        found += [
            F.adaptive_avg_pool2d(x, _GRID).flatten(1),
            answer.mean((2, 3)),
            answer.square().mean((2, 3)).sqrt(),
        ]
    return torch.cat(found, 1)
