"""Making a part of a picture anew: masks, and the walk that fits the new part to the given one.

KnownPixels puts the given pixels back after every step, at the noise of that step. The sampler never hears of it before
the next step, so the new part is made for a given part that was then exchanged, and the two do not quite fit.
Resampling lets them meet: after `jump_length` steps down, the walk goes the same stretch up again (the forward process,
q(z_t | z_s)) and down once more, `resamplings` times in all.

Source: Lugmayr et al., RePaint, arXiv 2201.09865, Algorithm 1 and §4.2; their jump length j and number of resamplings
r. What they go up in j steps of the Markov chain is gone in one, which is the same distribution.

How much it mends, exactly, for two pixels N(0, 0.25) with correlation 0.8 of which the first is given as 0.5, with the
exact denoiser and DDPM on the linear schedule of 1000 levels; the second must then be N(0.400, 0.090):

    250 steps, j = 10     r = 1 (replacement alone)   N(0.247, 0.127)
                          r = 2                       N(0.311, 0.110)
                          r = 5                       N(0.360, 0.100)
                          r = 10 (the paper's)        N(0.376, 0.098)
    50 steps, r = 10      j = 10                      N(0.272, 0.137)
                          j = 1                       N(0.362, 0.103)

So with fewer steps, choose shorter jumps; with any number of steps the price is r times as many of them, nearly. A
sampler without fresh noise begins farther off: DDIM in 250 steps, r = 1, gives N(0.174, 0.146).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from studio.diffusion.editing.known_pixels import KnownPixels
from studio.errors import SettingsError

_WHITE = 128


def known_from_mask(picture: torch.Tensor, mask: NDArray[np.uint8]) -> KnownPixels:
    """The pixels of `picture` that stay, where the mask is black; where it is white, they are made anew.

    picture: x in [−1, 1], (N, C, H, W), or (1, C, H, W) for the same one everywhere. mask: uint8 (H, W), or (N, H, W)
    with one for each picture. White is painted over, as in the common tools for inpainting; grey goes to the nearer of
    the two.

    Raises SettingsError when the mask has another size than the picture, or nothing white.
    """
    if mask.dtype != np.uint8 or mask.ndim not in (2, 3):
        raise ValueError(f"a mask must be uint8 (H, W) or (N, H, W), not {mask.dtype} {mask.shape}")
    masks = mask[None] if mask.ndim == 2 else mask
    height, width = picture.shape[-2:]
    if masks.shape[1:] != (height, width):
        raise SettingsError(
            f"The mask has {masks.shape[2]}×{masks.shape[1]} pixels, the picture {width}×{height}.",
            "Give the mask the size of the picture.",
        )
    if len(masks) != 1 and picture.shape[0] not in (1, len(masks)):
        raise SettingsError(
            f"There are {len(masks)} masks for {picture.shape[0]} pictures.", "Give one mask for all, or one for each."
        )
    black = masks < _WHITE
    if black.all():
        raise SettingsError(
            "The mask has nothing white.", "Paint white what is to be made anew, black what is to stay."
        )
    return KnownPixels(picture, torch.from_numpy(black)[:, None])


def repaint_pairs(
    pairs: Sequence[tuple[int, int]], jump_length: int = 10, resamplings: int = 1
) -> tuple[tuple[int, int], ...]:
    """The RePaint walk over the noise levels of `pairs`: N steps (t, s) straight down, each from where the last ended.

    Let the levels where the steps begin be numbered 0..N−1 from the picture upwards. The walk turns at 0, j, 2j, …, as
    far as j = jump_length more levels lie above, and goes from there up by j levels, resamplings − 1 times at each. So
    it never turns at the picture itself. `reverse` adds the noise where a pair begins above the end of the one before.
    There are N + (resamplings − 1) · j · ⌈(N − j) / j⌉ steps.

    Raises SettingsError when a number is below 1, or no jump fits into the walk; ValueError unless the pairs go
    straight down.
    """
    pairs = tuple((int(t), int(s)) for t, s in pairs)
    if any(before[1] != after[0] for before, after in itertools.pairwise(pairs)):
        raise ValueError("the pairs of a RePaint walk must go straight down")
    if resamplings < 1:
        raise SettingsError(f"The number of resamplings is {resamplings}.", "Choose 1 for none, or more.")
    if jump_length < 1:
        raise SettingsError(f"The length of a jump is {jump_length}.", "Choose at least 1 step.")
    if resamplings == 1:
        return pairs
    if jump_length >= len(pairs):
        raise SettingsError(
            f"Jumps of {jump_length} steps do not fit into a walk of {len(pairs)}.",
            "Choose shorter jumps, more steps, or 1 resampling.",
        )
    upwards = pairs[::-1]
    jumps_left = dict.fromkeys(range(0, len(pairs) - jump_length, jump_length), resamplings - 1)
    walk: list[tuple[int, int]] = []
    level = len(pairs) - 1
    while level >= 0:
        if jumps_left.get(level, 0):
            jumps_left[level] -= 1
            level += jump_length
        walk.append(upwards[level])
        level -= 1
    return tuple(walk)
