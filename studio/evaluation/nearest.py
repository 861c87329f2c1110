"""The nearest pictures of a data set, by the difference of their pixels.

    d(x, y) = √( Σ (x_i − y_i)² / D ),      the root mean square difference of the D values of two pictures, in levels

The squares come apart as ‖x‖² − 2 x·y + ‖y‖², whose middle is one matrix product for many pictures at once. Levels are
whole numbers, and all of these sums stay below 2⁵³: in float64 the squared distances are exact, and equal pictures
have distance 0.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.evaluation.progress import EvaluationProgress

_DATA_VALUES_AT_A_TIME = 2**20
_QUERY_VALUES_AT_A_TIME = 2**22
_MOST_QUERIES_AT_A_TIME = 2048
_PAIRS_AT_A_TIME = 2**23
_STAGE = "Comparing with every picture of the data"


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For each of N pictures its k nearest among others, the nearest first.

    indices: int64 (N, k), positions in the data, −1 where there are fewer than k. distances: float64 (N, k), root mean
    square differences in levels (0..255), infinite where there are fewer than k.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest_pictures(
    pictures: NDArray[np.uint8], data: NDArray[np.uint8], count: int = 1, *, skip_equal: bool = False
) -> Generator[EvaluationProgress, None, Neighbours]:
    """The `count` nearest of `data` (M, H, W, C) for each of `pictures` (N, H, W, C); the generator's result.

    skip_equal: leave out pictures that are equal in every pixel, so that a picture of the data is not its own
    neighbour, nor are its exact duplicates. Memory is bounded whatever N and M are, and `data` may be memory-mapped.

    Raises ValueError when the pictures are not uint8 of one shape.
    """
    if pictures.dtype != np.uint8 or data.dtype != np.uint8 or pictures.shape[1:] != data.shape[1:]:
        raise ValueError(f"{pictures.dtype} {pictures.shape} cannot be compared with {data.dtype} {data.shape}")
    values = int(np.prod(data.shape[1:]))
    distances = np.full((len(pictures), count), np.inf)
    indices = np.full((len(pictures), count), -1, dtype=np.int64)
    queries = max(1, min(_QUERY_VALUES_AT_A_TIME // values, _MOST_QUERIES_AT_A_TIME))
    for first in range(0, len(pictures), queries):
        block = slice(first, min(first + queries, len(pictures)))
        query = _levels(pictures[block])
        best, best_indices = query.new_empty((len(query), 0)), torch.empty((len(query), 0), dtype=torch.int64)
        for start, chunk in _chunks(data, values, len(query)):
            squares = _squared_distances(query, chunk)
            if skip_equal:
                squares[squares == 0.0] = torch.inf
            nearest, places = squares.topk(min(count, squares.shape[1]), dim=1, largest=False)
            best = torch.cat((best, nearest), 1)
            best_indices = torch.cat((best_indices, places + start), 1)
            best, best_indices = _smallest(best, best_indices, count)
            done = first / len(pictures) + (block.stop - first) / len(pictures) * (start + len(chunk)) / len(data)
            yield EvaluationProgress(_STAGE, done)
        found = best.shape[1]
        # Not torch's root, which may be off in the last digit.
        distances[block, :found] = np.sqrt(best.numpy() / values)
        indices[block, :found] = np.where(np.isinf(best.numpy()), -1, best_indices.numpy())
    return Neighbours(indices, distances)


def _chunks(data: NDArray[np.uint8], values: int, queries: int) -> Iterator[tuple[int, Tensor]]:
    # Small pictures are limited by how many pairs there are, large ones by their values.
    size = max(1, min(_DATA_VALUES_AT_A_TIME // values, _PAIRS_AT_A_TIME // queries))
    for start in range(0, len(data), size):
        yield start, _levels(data[start : start + size])


def _levels(pictures: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pictures.reshape(len(pictures), -1).astype(np.float64))


def _squared_distances(query: Tensor, chunk: Tensor) -> Tensor:
    squares = torch.linalg.vecdot(query, query).unsqueeze(1) + torch.linalg.vecdot(chunk, chunk)
    return squares.addmm_(query, chunk.T, alpha=-2.0)


def _smallest(squares: Tensor, indices: Tensor, count: int) -> tuple[Tensor, Tensor]:
    squares, order = squares.sort(dim=1, stable=True)
    return squares[:, :count], indices.gather(1, order[:, :count])
