"""The data of a training run: pictures of one size, their classes, and where each came from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHANNEL_COUNTS = (1, 3, 4)
"""Grey, colour (RGB), colour with transparency (RGBA, not premultiplied)."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures in memory. Nothing in it can be changed: the arrays are read-only.

    Attributes:
        name: what the set is called on the screen.
        images: uint8 (N, H, W, C), C in {1, 3, 4}, N >= 1, values 0..255.
        labels: int64 (N,), each an index into `class_names`, or None when the pictures have no classes.
        class_names: one name per class; empty when `labels` is None.
        sources: where each picture came from, N entries (a path relative to what was dropped, or "file#index").

    Raises ValueError when the parts do not fit each other.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    sources: Sequence[str] = ()

    def __post_init__(self) -> None:
        images = self.images
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in CHANNEL_COUNTS:
            raise ValueError(f"images must be uint8 (N, H, W, 1|3|4), not {images.dtype} {images.shape}")
        if 0 in images.shape:
            raise ValueError(f"an image set cannot be empty: {images.shape}")
        if len(self.sources) not in (0, len(images)):
            raise ValueError(f"{len(self.sources)} sources for {len(images)} pictures")
        object.__setattr__(self, "images", _read_only(images))
        if self.labels is None:
            if self.class_names:
                raise ValueError("class names without labels")
            return
        labels = np.asarray(self.labels, dtype=np.int64)
        if labels.shape != (len(images),):
            raise ValueError(f"labels must be ({len(images)},), not {labels.shape}")
        if labels.min() < 0 or labels.max() >= len(self.class_names):
            raise ValueError(f"labels {labels.min()}..{labels.max()} do not fit {len(self.class_names)} class names")
        object.__setattr__(self, "labels", _read_only(labels))

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return self.images.shape[0]

    @property
    def height(self) -> int:
        """Rows of pixels of each picture."""
        return self.images.shape[1]

    @property
    def width(self) -> int:
        """Columns of pixels of each picture."""
        return self.images.shape[2]

    @property
    def channels(self) -> int:
        """1 grey, 3 colour, 4 colour with transparency."""
        return self.images.shape[3]

    def fingerprint(self) -> str:
        """SHA-256 (hex) of pictures, labels and class names; the set's own name and the sources do not count."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode("utf-8"))
        digest.update(np.ascontiguousarray(self.images))
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, dtype="<i8"))
        return digest.hexdigest()

    def select(self, indices: ArrayLike) -> ImageSet:
        """The pictures at `indices` (whole numbers or a bool mask), in that order; all class names are kept."""
        chosen = np.arange(self.count)[np.asarray(indices)]
        return ImageSet(
            name=self.name,
            images=self.images[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            class_names=self.class_names,
            sources=tuple(self.sources[index] for index in chosen) if self.sources else (),
        )


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
