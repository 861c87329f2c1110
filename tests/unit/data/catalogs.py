"""Catalogs in memory for the tests of preparing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from studio.data.fitting import minimal_channels
from studio.data.sources.source import Catalog, Decoded, UnreadableError


class ListSource:
    """Pictures out of a list; None cannot be read. With a stamp it can be found again in a store."""

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8] | None],
        *,
        names: Sequence[str] | None = None,
        labels: Sequence[str | None] | None = None,
        folders: Sequence[tuple[str, ...]] | None = None,
        stamp: str = "1",
    ) -> None:
        self._pictures = list(pictures)
        self._names = list(names) if names is not None else [f"{index}.png" for index in range(len(pictures))]
        self._labels = labels
        self._folders = folders
        self._stamp = stamp
        self.reads = 0

    @property
    def count(self) -> int:
        return len(self._pictures)

    def name(self, index: int) -> str:
        return self._names[index]

    def folders(self, index: int) -> tuple[str, ...]:
        return () if self._folders is None else self._folders[index]

    def label(self, index: int) -> str | None:
        return None if self._labels is None else self._labels[index]

    def size(self, index: int) -> tuple[int, int]:
        picture = self._pictures[index]
        return (1, 1) if picture is None else (picture.shape[1], picture.shape[0])

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        self.reads += 1
        picture = self._pictures[index]
        if picture is None:
            raise UnreadableError("damaged")
        return Decoded(minimal_channels(picture), self.size(index))

    def stamp(self) -> str:
        return self._stamp

    def close(self) -> None:
        pass


class BlockSource(ListSource):
    """Pictures of one size that can be read many at a time."""

    def read_block(self, start: int, stop: int) -> NDArray[np.uint8]:
        pictures = self._pictures[start:stop]
        if any(picture is None for picture in pictures):
            raise UnreadableError("damaged")
        return np.stack(pictures)


def catalog_of(*sources: ListSource, class_names: tuple[str, ...] = ()) -> Catalog:
    """These sources as something that was dropped."""
    return Catalog("set", "/dropped", sources, class_names=class_names)
