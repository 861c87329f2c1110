"""The error by noise level, summed up where it arises: on the device, without waiting for it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.training.events import LEVEL_BANDS


def bands_of(step_count: int) -> NDArray[np.int64]:
    """The band of each t in 0..T-1, int64 (T,): LEVEL_BANDS of equal width, as far as T can be divided so."""
    return np.arange(step_count) * LEVEL_BANDS // step_count


class LevelSums:
    """Sums and counts of the pictures' errors in each band of noise levels since the last `clear`.

    totals: float32 (2, LEVEL_BANDS) on the device: the sums and the counts.
    """

    def __init__(self, step_count: int, device: torch.device) -> None:
        self._bands = torch.from_numpy(bands_of(step_count)).to(device)
        self.totals = torch.zeros(2, LEVEL_BANDS, device=device)

    def add(self, t: Tensor, errors: Tensor) -> None:
        """Take note of the errors, float32 (N,), of pictures at the noise levels t, int64 (N,) in 0..T-1."""
        both = torch.stack((errors, torch.ones_like(errors)))
        self.totals.index_add_(1, self._bands[t], both)

    def clear(self) -> None:
        """Begin again."""
        self.totals.zero_()


def means_of(sums: list[float], counts: list[float]) -> tuple[tuple[float | None, ...], tuple[int, ...]]:
    """The mean error of each band, None where nothing fell into it, and how many pictures did."""
    whole = tuple(round(count) for count in counts)
    return tuple(total / count if count else None for total, count in zip(sums, whole, strict=True)), whole
