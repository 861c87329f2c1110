"""Picture sources that several threads may read from, and the source around pictures that are in memory already.

The page decodes what is looked at while the background thread prepares the set, from the same open files.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from studio.data.sources.source import Catalog, Decoded, PictureSource, ScanOptions, UnreadableError

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet


class SharedSource:
    """A PictureSource whose pictures are read one at a time, whoever asks; the last one is kept.

    Kept, because a person who drags the focus of a photograph reads it again and again. `prefix` goes before every
    name, for pictures that were added to others.
    """

    def __init__(self, source: PictureSource, prefix: str = "") -> None:
        self._source = source
        self._prefix = prefix
        self._open = True
        self._lock = threading.Lock()
        self._last: tuple[tuple[int, int | None], Decoded] | None = None

    @property
    def count(self) -> int:
        return self._source.count

    def name(self, index: int) -> str:
        return self._prefix + self._source.name(index)

    def folders(self, index: int) -> tuple[str, ...]:
        return self._source.folders(index)

    def label(self, index: int) -> str | None:
        return self._source.label(index)

    def size(self, index: int) -> tuple[int, int]:
        return self._source.size(index)

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        with self._lock:
            self._check_open()
            if self._last is None or self._last[0] != (index, smallest_side):
                self._last = ((index, smallest_side), self._source.read(index, smallest_side))
            return self._last[1]

    def __getattr__(self, name: str) -> object:
        # What only some sources can do: read many pictures at once, tell whether they are as they were.
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._source, name)
        if name != "read_block":
            return found

        def read_block(first: int, end: int) -> NDArray[np.uint8]:
            with self._lock:
                self._check_open()
                return found(first, end)

        return read_block

    def close(self) -> None:
        with self._lock:
            self._open = False
            self._last = None
            self._source.close()

    def _check_open(self) -> None:
        # Whoever is at work in the background when another set is opened learns it here.
        if not self._open:
            raise UnreadableError("it is not open any more")


class ImageSetSource:
    """The pictures of an ImageSet that did not come through a catalog: of a resumed run, of a script."""

    def __init__(self, image_set: ImageSet) -> None:
        self._image_set = image_set

    @property
    def count(self) -> int:
        return self._image_set.count

    def name(self, index: int) -> str:
        sources = self._image_set.sources
        return sources[index] if sources else f"{self._image_set.name}#{index}"

    def folders(self, index: int) -> tuple[str, ...]:
        return ()

    def label(self, index: int) -> str | None:
        labels = self._image_set.labels
        return None if labels is None else self._image_set.class_names[int(labels[index])]

    def size(self, index: int) -> tuple[int, int]:
        return self._image_set.width, self._image_set.height

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        return Decoded(self._image_set.images[index], self.size(index))

    def read_block(self, first: int, end: int) -> NDArray[np.uint8]:
        """Pictures first..end−1 at once, uint8 (end − first, H, W, C)."""
        return np.asarray(self._image_set.images[first:end])

    def close(self) -> None:
        return None


def shared(catalog: Catalog, prefix: str = "") -> Catalog:
    """The same catalog, safe to be read by several threads; `prefix` goes before all names."""
    return replace(
        catalog,
        sources=tuple(SharedSource(each, prefix) for each in catalog.sources),
        sheets=tuple(replace(each, name=prefix + each.name) for each in catalog.sheets),
        films=tuple(replace(each, name=prefix + each.name) for each in catalog.films),
    )


def joined(catalogs: Sequence[Catalog], options: ScanOptions) -> Catalog:
    """All of these in one; it is called what the first one is called."""
    first = catalogs[0]
    if len(catalogs) == 1:
        return replace(first, options=options)
    return Catalog(
        title=first.title,
        dropped=" and ".join(each.dropped for each in catalogs),
        sources=tuple(source for each in catalogs for source in each.sources),
        skipped=tuple(file for each in catalogs for file in each.skipped),
        notes=tuple(note for each in catalogs for note in each.notes),
        sheets=tuple(sheet for each in catalogs for sheet in each.sheets),
        films=tuple(film for each in catalogs for film in each.films),
        class_names=tuple(dict.fromkeys(name for each in catalogs for name in each.class_names)),
        options=options,
    )


def catalog_of(image_set: ImageSet) -> Catalog:
    """A catalog of pictures that are in memory already."""
    source = SharedSource(ImageSetSource(image_set))
    return Catalog(image_set.name, image_set.name, (source,), class_names=image_set.class_names)
