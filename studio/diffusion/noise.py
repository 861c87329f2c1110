"""Noise for numbered pictures, the same on every machine, in every batch, next year.

Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a counter and a key into
four 32-bit words; the key is the seed, the counter is (position in the picture, step, picture number). Box–Muller turns
each two words into two normal deviates, with u = (word + ½)/2³²:

    √(−2 ln u₁) cos 2πu₂,   √(−2 ln u₁) sin 2πu₂

Written out here because the distributions of numpy and torch may change from one release to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import numpy as np
import torch

from studio.errors import SettingsError

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = 0x9E3779B9, 0xBB67AE85
_WORD, _MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_ROUNDS = 10


_STEPS = 2**30


class NoisePurpose(IntEnum):
    """What a step needs noise for; noises for different purposes are independent. Recorded runs rely on the numbers."""

    FRESH = 0
    """The noise that a step injects."""
    RENOISE = 1
    """What is added where a walk goes back up to more noise."""
    KNOWN = 2
    """The noise on the pixels that are given."""


class NoiseSource(Protocol):
    """Standard normal noise of one run."""

    def __call__(self, step_index: int, purpose: NoisePurpose = NoisePurpose.FRESH) -> torch.Tensor:
        """The noise of step `step_index` (0, 1, … in the order of the run), float32 (N, C, H, W)."""
        ...


class PictureNoise:
    """Standard normal noise of shape (C, H, W) for each picture of a batch and each step of a run.

    A picture's noise depends on (seed, picture number, step index, purpose) alone: a picture is the same whether it is
    made alone or among others. Call it, or `.at`, with a step index; `.initial` gives z_T.

    seed: 0..2⁶⁴−1. pictures: numbers 0..2⁶⁴−1. Raises SettingsError outside of that.
    """

    def __init__(self, seed: int, pictures: Sequence[int], shape: tuple[int, int, int]) -> None:
        self.seed = _checked("seed", seed)
        self.pictures = tuple(_checked("picture number", number) for number in pictures)
        self.shape = tuple(int(size) for size in shape)

    def initial(self) -> torch.Tensor:
        """z_T, float32 (N, C, H, W) on the CPU."""
        return self._draw(0)

    def at(self, step_index: int, purpose: NoisePurpose = NoisePurpose.FRESH) -> torch.Tensor:
        """The noise of step `step_index` (0, 1, … in the order of the run), float32 (N, C, H, W) on the CPU."""
        if not 0 <= step_index < _STEPS - 1:
            raise ValueError(f"step index {step_index} lies outside 0..2³⁰−2")
        return self._draw(purpose * _STEPS + step_index + 1)

    __call__ = at

    def _draw(self, stream: int) -> torch.Tensor:
        count = int(np.prod(self.shape, dtype=np.int64))
        blocks = -(-count // 4)
        numbers = np.array(self.pictures, dtype=np.uint64).reshape(-1, 1)
        position = np.arange(blocks, dtype=np.uint64).reshape(1, -1)
        everywhere = np.zeros((numbers.size, blocks), dtype=np.uint64)
        counter = (
            everywhere + position,
            everywhere + np.uint64(stream),
            everywhere + (numbers & _MASK),
            everywhere + (numbers >> _WORD),
        )
        normal = _box_muller(philox(counter, self.seed)).reshape(numbers.size, 4 * blocks)[:, :count]
        return torch.from_numpy(normal.astype(np.float32)).reshape(numbers.size, *self.shape)


def philox(counter: tuple[np.ndarray, ...], key: int) -> tuple[np.ndarray, ...]:
    """Philox 4×32-10: four words of 32 bits for each counter (four uint64 arrays holding 32-bit words)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(_ROUNDS):
        product_0, product_1 = c0 * _MULTIPLIER_0, c2 * _MULTIPLIER_1
        c0, c1, c2, c3 = (
            (product_1 >> _WORD) ^ c1 ^ np.uint64(k0),
            product_1 & _MASK,
            (product_0 >> _WORD) ^ c3 ^ np.uint64(k1),
            product_0 & _MASK,
        )
        k0, k1 = (k0 + _WEYL_0) & 0xFFFFFFFF, (k1 + _WEYL_1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def _box_muller(words: tuple[np.ndarray, ...]) -> np.ndarray:
    u0, u1, u2, u3 = ((word + 0.5) * 2.0**-32 for word in words)
    radius_a, radius_b = np.sqrt(-2.0 * np.log(u0)), np.sqrt(-2.0 * np.log(u2))
    angle_a, angle_b = 2.0 * np.pi * u1, 2.0 * np.pi * u3
    return np.stack(
        (
            radius_a * np.cos(angle_a),
            radius_a * np.sin(angle_a),
            radius_b * np.cos(angle_b),
            radius_b * np.sin(angle_b),
        ),
        axis=-1,
    )


def _checked(what: str, value: int) -> int:
    value = int(value)
    if not 0 <= value < 2**64:
        raise SettingsError(f"The {what} is {value}.", "Choose a whole number from 0 to 18,446,744,073,709,551,615.")
    return value
