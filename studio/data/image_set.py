"""The data of a training run: pictures of one size, their classes, and where each came from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from studio.files import storage_error
from studio.paths import cache_folder

CHANNEL_COUNTS = (1, 3, 4)
"""Grey, colour (RGB), colour with transparency (RGBA, not premultiplied)."""

MAX_BYTES_IN_MEMORY = 256 * 2**20
"""Pictures that take more than this lie in a file, mapped into memory, of which only what is looked at is read."""

MAX_NAMES_IN_MEMORY = 65_536
"""Names of more pictures than this are made when they are asked for."""

CHUNK_BYTES = 8 * 2**20
"""So much is read, written and reckoned with at a time where a whole set would be too much."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures in memory, or in a file that is mapped into it. Nothing can be changed: the arrays are read-only.

    Attributes:
        name: what the set is called on the screen.
        images: uint8 (N, H, W, C), C in {1, 3, 4}, N >= 1, values 0..255; a memory map when they are many.
        labels: int64 (N,), each an index into `class_names`, or None when the pictures have no classes.
        class_names: one name per class; empty when `labels` is None.
        sources: where each picture came from, N entries (a path relative to what was dropped, or "file#index").
        known_fingerprint: the fingerprint, where it was reckoned while the pictures were written; never doubted.

    Raises ValueError when the parts do not fit each other.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    sources: Sequence[str] = ()
    known_fingerprint: str | None = field(default=None, repr=False)

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
        if self.known_fingerprint is not None:
            return self.known_fingerprint
        digest = begin_fingerprint(self.images.shape, self.class_names)
        for block in self.blocks():
            digest.update(np.ascontiguousarray(block))
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, dtype="<i8"))
        return digest.hexdigest()

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """All pictures in order, uint8 (n, H, W, C) some megabytes at a time: the way to go through a large set."""
        step = pictures_per_chunk(self.images.shape)
        for start in range(0, self.count, step):
            yield np.asarray(self.images[start : start + step])

    def select(self, indices: ArrayLike) -> ImageSet:
        """The pictures at `indices` (whole numbers or a bool mask), in that order; all class names are kept.

        Many pictures go through a file rather than through memory; a stretch of a set is not copied at all.
        Raises StorageError when there is no room for that file.
        """
        chosen = np.arange(self.count)[np.asarray(indices)]
        return ImageSet(
            name=self.name,
            images=_chosen_images(self.images, chosen),
            labels=None if self.labels is None else self.labels[chosen],
            class_names=self.class_names,
            sources=_chosen_names(self.sources, chosen) if self.sources else (),
        )


class ChosenNames(Sequence[str]):
    """The names at `indices` of other names, looked up when they are asked for."""

    def __init__(self, names: Sequence[str], indices: NDArray[np.int64]) -> None:
        self._names = names
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self._names[int(position)] for position in self._indices[index])
        return self._names[int(self._indices[index])]


def begin_fingerprint(shape: tuple[int, ...], class_names: tuple[str, ...]) -> hashlib._Hash:
    """The SHA-256 that a fingerprint begins with; then come the bytes of the pictures, then the labels as "<i8"."""
    return hashlib.sha256(repr((tuple(shape), class_names)).encode("utf-8"))


def pictures_per_chunk(shape: tuple[int, ...]) -> int:
    """How many pictures (N, H, W, C) are dealt with at a time; at least one."""
    return max(1, CHUNK_BYTES // max(1, int(np.prod(shape[1:]))))


def _chosen_images(images: NDArray[np.uint8], chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    picture_bytes = int(np.prod(images.shape[1:]))
    if len(chosen) * picture_bytes <= MAX_BYTES_IN_MEMORY:
        # Not images[chosen], which would drag the memory map along as a class of its own.
        return np.asarray(images)[chosen]
    if (np.diff(chosen) == 1).all():
        return images[chosen[0] : chosen[-1] + 1]
    shape = (len(chosen), *images.shape[1:])
    folder = cache_folder("pictures")
    try:
        # Without a name: it is gone with the last array that looks into it, however the program ends.
        with tempfile.TemporaryFile(dir=folder) as file:
            step = pictures_per_chunk(shape)
            for start in range(0, len(chosen), step):
                file.write(np.asarray(images)[chosen[start : start + step]].tobytes())
            file.flush()
            os.fsync(file.fileno())
            return np.memmap(file, np.uint8, "r", shape=shape)
    except OSError as error:
        raise storage_error(error, folder) from error


def _chosen_names(names: Sequence[str], chosen: NDArray[np.int64]) -> Sequence[str]:
    chosen_names = ChosenNames(names, chosen)
    return chosen_names if len(chosen) > MAX_NAMES_IN_MEMORY else chosen_names[:]


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
