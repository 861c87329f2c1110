"""What a program that trains has to offer to be measured: a step, and pictures."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Contender(Protocol):
    """A training loop that stands still between two steps.

    name: of the program. settings: how it was set up, in a line. batch_size: pictures a step.
    """

    name: str
    settings: str
    batch_size: int

    def step(self) -> float:
        """Take one training step; returns its loss, the mean squared error of the predicted noise."""
        ...

    def pictures(self, count: int, steps: int, seed: int) -> NDArray[np.uint8]:
        """`count` pictures made in `steps` steps of its usual fast sampler, uint8 (N, H, W, C) like the data."""
        ...


def padded(images: NDArray[np.uint8], multiple: int) -> NDArray[np.uint8]:
    """Pictures (N, H, W, C) with black around them until both sides are a multiple: what halves a U-Net evenly."""
    height, width = images.shape[1:3]
    rows, columns = -height % multiple, -width % multiple
    around = ((0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
    return np.pad(images, around)


def without_padding(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The middle (N, height, width, C) of pictures: takes `padded` back."""
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return images[:, top : top + height, left : left + width]
