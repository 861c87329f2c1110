"""(x, c) ~ D: which pictures a step sees, as a function of the seed and of how many were seen before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range
from studio.training.augmentation import augment, streams
from studio.training.memory_needs import lies_on_device
from studio.training.randomness import permutation
from studio.training.settings import TrainingSettings


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

    On an accelerator the whole set lies there as uint8, so that a batch costs no transfer and no waiting; a set that is
    too large for that sends each batch's pictures from where they are, without waiting either. On the CPU it stays
    where it is, memory-mapped or not: a batch reads its own pictures and nothing else.

    count: how many different pictures are drawn from.
    """

    def __init__(
        self,
        image_set: ImageSet,
        settings: TrainingSettings,
        device: torch.device,
        usable: NDArray[np.int64] | None = None,
    ) -> None:
        """usable: the positions of the pictures to draw from, int64 (M,), M >= 1; all when None."""
        self.count = image_set.count if usable is None else len(usable)
        self._settings = settings
        self._device = device
        self._usable = usable
        self._order = DataOrder(settings.seed, self.count)
        self._labels = None if image_set.labels is None else torch.from_numpy(image_set.labels.copy()).to(device)
        self._images = image_set.images
        self._resident: Tensor | None = None
        if device.type != "cpu" and lies_on_device(image_set, device):
            self._resident = torch.from_numpy(np.array(image_set.images, order="C")).to(device)

    def indices(self, images_seen: int, size: int) -> NDArray[np.int64]:
        """The positions in the data of the `size` pictures that follow after `images_seen`, int64 (size,)."""
        indices = self._order.indices(images_seen, size)
        return indices if self._usable is None else self._usable[indices]

    def batch(self, images_seen: int, size: int) -> Batch:
        """The `size` pictures that follow after `images_seen`, varied as the settings say, and their classes."""
        indices = self.indices(images_seen, size)
        x = augment(self._pictures(indices), self._settings, streams(self._settings.seed, images_seen, self._device))
        return Batch(x, None if self._labels is None else self._labels.index_select(0, self._sent(indices)))

    def _pictures(self, indices: NDArray[np.int64]) -> Tensor:
        if self._resident is not None:
            return to_model_range(self._resident.index_select(0, self._sent(indices)))
        if self._device.type == "cpu":
            return to_model_range(self._images[indices])
        # A quarter of the bytes travel when the levels become numbers only after they have arrived.
        return to_model_range(self._sent(self._images[indices]))

    def _sent(self, values: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        if self._device.type == "cuda":
            # From pinned memory the copy waits for nobody; torch keeps its buffer until it has arrived.
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)
