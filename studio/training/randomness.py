"""Randomness as a function of progress: nothing to save, nothing global to disturb.

Every draw is made from a generator that was seeded by (seed, purpose, number). Two runs that have come equally far
draw the same numbers, whether or not one of them was paused, sampled from or resumed in between.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch

_MASK = 2**64 - 1


class Purpose(IntEnum):
    """What a random stream is for; streams of different purposes never meet. Saved runs rely on the numbers."""

    ORDER = 1
    STEP = 2
    MIRRORING = 3
    CLASSES = 4
    UPSIDE_DOWN = 5
    TURNS = 6
    SHIFTS = 7
    VALIDATION = 8
    HELD_OUT = 9


def mix(*numbers: int) -> int:
    """A 64-bit hash of integers: SplitMix64 (Steele, Lea and Flood, 2014), absorbing one number after the other."""
    state = 0
    for number in numbers:
        state = _split_mix(state ^ (number & _MASK))
    return state


def step_generator(
    seed: int, images_seen: int, device: str | torch.device = "cpu", purpose: Purpose = Purpose.STEP
) -> torch.Generator:
    """The generator for the training step that begins after `images_seen` pictures; by default, for t and epsilon."""
    return torch.Generator(device).manual_seed(mix(seed, purpose, images_seen))


def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of the pictures 0..count-1 in one epoch, int64 (count,).

    Sorted raw Philox bits rather than a library's shuffle: the bits of the counter are fixed for good, the
    algorithms of shuffles are not.
    """
    bits = np.random.Philox(key=mix(seed, Purpose.ORDER, epoch)).random_raw(count)
    return np.argsort(bits, kind="stable")


def _split_mix(state: int) -> int:
    state = (state + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)
