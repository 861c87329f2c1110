"""What is asked of a catalog again and again while somebody decides how to prepare it, remembered as long as it lives.

Nothing here reads a picture twice, and nothing is read that was not asked for.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from studio.data.fitting import choose_size, pixel_scale
from studio.data.limits import MAX_KEPT_SIDE
from studio.data.preparation import Preparation
from studio.data.sources.source import Catalog, PictureSource, UnreadableError
from studio.errors import DataError

_SAMPLE = 16
_REMEMBERED: WeakKeyDictionary[Catalog, Looked] = WeakKeyDictionary()


def looked_at(catalog: Catalog) -> Looked:
    """What is known of a catalog; the same object each time."""
    known = _REMEMBERED.get(catalog)
    if known is None:
        known = _REMEMBERED[catalog] = Looked(catalog)
    return known


class Looked:
    """Sizes, positions of names, and what a sample of the pictures tells, each found out once."""

    def __init__(self, catalog: Catalog) -> None:
        self._sources = tuple(catalog.sources)
        self._count = catalog.count
        self._sizes: NDArray[np.int32] | None = None
        self._positions: dict[str, int] = {}
        self._channels: dict[int, int] = {}
        self._scales: dict[tuple[int, ...], int] = {}

    @property
    def sizes(self) -> NDArray[np.int32]:
        """(width, height) of every picture as its header promises, int32 (N, 2)."""
        if self._sizes is None:
            parts = [_sizes_of(source) for source in self._sources if source.count]
            self._sizes = np.concatenate(parts) if parts else np.empty((0, 2), np.int32)
        return self._sizes

    def positions(self, names: Collection[str]) -> NDArray[np.int64]:
        """Where in the catalog the pictures of these names are, in order; names that are not there are passed over."""
        unknown = {name for name in names if name not in self._positions}
        if unknown:
            self._positions.update(dict.fromkeys(unknown, -1))
            position = 0
            for source in self._sources:
                for index in range(source.count):
                    if (name := source.name(index)) in unknown:
                        self._positions[name] = position
                    position += 1
        found = np.array(sorted(self._positions[name] for name in names), np.int64)
        return found[found >= 0]

    def included(self, preparation: Preparation) -> NDArray[np.int64]:
        """The catalog's pictures that are not left out, int64, in order. Raises DataError when none is left."""
        included = np.arange(self._count)
        if preparation.excluded:
            included = np.delete(included, self.positions(preparation.excluded))
        if not len(included):
            raise DataError("Every picture is left out.", "Take some of them in again.")
        return included

    def size_for(self, included: NDArray[np.int64]) -> tuple[int, int]:
        """The (width, height) that suits these pictures, see `choose_size`."""
        counts = size_counts(self.sizes[included])
        if len(counts) == 1 and max(next(iter(counts))) > MAX_KEPT_SIDE:
            sample = _spread(included)
            if sample not in self._scales:
                self._scales[sample] = pixel_scale(self._pictures(sample))
            return choose_size(counts, self._scales[sample])
        return choose_size(counts)

    def channels_for(self, included: NDArray[np.int64], side: int) -> int:
        """As many channels as a sample of these pictures needs, once they are brought to sides of about `side`."""
        sample = _spread(included)
        for index in sample:
            if index not in self._channels:
                source, number = self._locate(index)
                self._channels[index] = 1
                with contextlib.suppress(UnreadableError):
                    self._channels[index] = source.read(number, 2 * side).pixels.shape[2]
        return max(self._channels[index] for index in sample)

    def _pictures(self, indices: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
        for index in indices:
            with contextlib.suppress(UnreadableError):
                source, number = self._locate(index)
                yield source.read(number).pixels

    def _locate(self, index: int) -> tuple[PictureSource, int]:
        for source in self._sources:
            if index < source.count:
                return source, index
            index -= source.count
        raise IndexError(index)


def _sizes_of(source: PictureSource) -> NDArray[np.int32]:
    if hasattr(source, "read_block"):
        # Only sources whose pictures all have one size can do that.
        return np.tile(np.array(source.size(0), np.int32), (source.count, 1))
    flat = (side for index in range(source.count) for side in source.size(index))
    return np.fromiter(flat, np.int32, 2 * source.count).reshape(-1, 2)


def distinct_sizes(sizes: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Of (width, height), int32 (N, 2): the different ones (M, 2), which of them each is (N,), and how often (M,)."""
    # One number for each pair: a million of them are sorted much faster than a million rows.
    joined = sizes[:, 0].astype(np.int64) << 32 | sizes[:, 1]
    distinct, inverse, counts = np.unique(joined, return_inverse=True, return_counts=True)
    return np.stack([distinct >> 32, distinct & (2**32 - 1)], axis=1).astype(np.int32), inverse, counts


def size_counts(sizes: NDArray[np.int32]) -> Counter[tuple[int, int]]:
    """How many pictures there are of each (width, height), from int32 (N, 2)."""
    distinct, _, counts = distinct_sizes(sizes)
    return Counter(dict(zip(map(tuple, distinct.tolist()), counts.tolist(), strict=True)))


def _spread(included: NDArray[np.int64]) -> tuple[int, ...]:
    """A few from all over."""
    return tuple(included[np.linspace(0, len(included) - 1, min(len(included), _SAMPLE)).astype(int)].tolist())
