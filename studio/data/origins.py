"""Where each picture of a prepared set came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray

from studio.data.framing import tile_counts
from studio.data.sources.source import Catalog, PictureSource

_BATCH = 512


@dataclass(frozen=True, eq=False)
class Origins:
    """Where each picture of a prepared set came from, and what it was.

    Attributes:
        indices: int64 (N,), its picture in the catalog, ascending.
        sizes: int32 (N, 2), (width, height) of that picture as stored.
        transparent: bool (N,), whether that picture has transparent pixels.
        tiles: int32 (N,), which part of that picture it is, row after row; None when every picture is whole.
    """

    indices: NDArray[np.int64]
    sizes: NDArray[np.int32]
    transparent: NDArray[np.bool_]
    tiles: NDArray[np.int32] | None = None

    @property
    def firsts(self) -> NDArray[np.int64]:
        """Positions in the set, one for each of the catalog's pictures: the first of its tiles, or the picture."""
        return np.arange(len(self.indices)) if self.tiles is None else np.flatnonzero(self.tiles == 0)


class PictureNames(Sequence[str]):
    """The names of a set's pictures, made when they are asked for.

    A tile is named after its picture, its column and its row, counted from 1: "sheet.png [2, 1]".
    """

    def __init__(self, catalog: Catalog, wanted: tuple[int, int], origins: Origins) -> None:
        self._sources = tuple(catalog.sources)
        self._ends = list(accumulate(source.count for source in self._sources))
        self._wanted = wanted
        self._origins = origins

    def __len__(self) -> int:
        return len(self._origins.indices)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self._name(position) for position in range(*index.indices(len(self))))
        return self._name(range(len(self))[index])

    def _name(self, position: int) -> str:
        index = int(self._origins.indices[position])
        place = int(np.searchsorted(self._ends, index, side="right"))
        name = self._sources[place].name(index - (self._ends[place] - self._sources[place].count))
        if self._origins.tiles is None:
            return name
        width, height = (int(side) for side in self._origins.sizes[position])
        columns, rows = tile_counts((width, height), self._wanted)
        if columns * rows == 1:
            return name
        row, column = divmod(int(self._origins.tiles[position]), columns)
        return f"{name} [{column + 1}, {row + 1}]"


def walk(catalog: Catalog, indices: NDArray[np.int64]) -> Iterator[tuple[PictureSource, int]]:
    """The source of each of the catalog's pictures `indices` (ascending), and its number there."""
    for source, numbers, _ in runs(catalog, indices):
        for number in numbers.tolist():
            yield source, number


def runs(catalog: Catalog, indices: NDArray[np.int64]) -> Iterator[tuple[PictureSource, NDArray[np.int64], int]]:
    """The catalog's pictures `indices` (ascending) a few hundred at a time: their source, their numbers there, and
    what is to be added to those for their numbers in the catalog."""
    start = 0
    position = 0
    for source in catalog.sources:
        stop = start + source.count
        until = int(np.searchsorted(indices, stop))
        while position < until:
            after = min(position + _BATCH, until)
            yield source, indices[position:after] - start, start
            position = after
        start = stop
