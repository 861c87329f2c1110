"""(x, c) ~ D: which pictures a step sees, as a function of the seed and of how many were seen before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range
from studio.training.randomness import permutation


class DataOrder:
    """The endless sequence of picture indices of one seed: epoch after epoch, each in an order of its own."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed = seed
        self.count = count
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def indices(self, start: int, length: int) -> np.ndarray:
        """Entries `start` .. `start + length - 1` of the sequence, int64 (length,); they may span several epochs."""
        parts = []
        while length > 0:
            epoch, offset = divmod(start, self.count)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, permutation(self.seed, epoch, self.count)
            part = self._order[offset : offset + length]
            parts.append(part)
            start += len(part)
            length -= len(part)
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step sees.

    pictures: float32 (N, C, H, W) in [-1, 1]. labels: the class of each, int64 (N,), or None where there are none.
    """

    pictures: Tensor
    labels: Tensor | None


class Batches:
    """The pictures of a data set and their classes, ready to be drawn from on one device.

    On an accelerator the whole set lies there as uint8, so that a batch costs no transfer and no waiting; on the CPU
    it stays where it is, memory-mapped or not.
    """

    def __init__(self, image_set: ImageSet, seed: int, device: torch.device) -> None:
        self._order = DataOrder(seed, image_set.count)
        self._images: np.ndarray | Tensor = image_set.images
        self._labels = None if image_set.labels is None else torch.from_numpy(image_set.labels.copy()).to(device)
        if device.type != "cpu":
            self._images = torch.from_numpy(np.array(image_set.images, order="C")).to(device)

    def batch(self, images_seen: int, size: int, flip_generator: torch.Generator | None = None) -> Batch:
        """The `size` pictures that follow after `images_seen`, and their classes.

        With a generator, half of the pictures are mirrored left to right.
        """
        indices = self._order.indices(images_seen, size)
        index = torch.from_numpy(indices)
        if isinstance(self._images, Tensor):
            index = index.to(self._images.device, non_blocking=True)
            x = to_model_range(self._images.index_select(0, index))
        else:
            x = to_model_range(self._images[indices])
        if flip_generator is not None:
            mirrored = torch.rand(size, generator=flip_generator, device=x.device) < 0.5
            x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
        return Batch(x, None if self._labels is None else self._labels.index_select(0, index))
