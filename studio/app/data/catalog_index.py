"""Finding pictures of a catalog by name, by class, and by their place in the prepared set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.classes import classes_of
from studio.data.preparation import Preparation
from studio.data.progress import ImportProgress
from studio.data.sources.folder import UNSORTED, natural_key
from studio.data.sources.source import Catalog

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class ClassesShown:
    """The classes as they will be.

    names: in the order they are shown; empty without classes. codes: int32 (count,), an index into `names` a picture,
    −1 for all without classes.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    def name_of(self, index: int) -> str | None:
        """The class of a picture of the catalog."""
        return self.names[int(self.codes[index])] if self.names else None

    def pictures_of(self, name: str) -> NDArray[np.int64]:
        """The catalog's numbers of the pictures of a class, ascending."""
        return np.flatnonzero(self.codes == (self.names.index(name) if name in self.names else -2))

    def counts(self, left_out: NDArray[np.int64]) -> dict[str, int]:
        """How many pictures of each class are taken."""
        codes = self.codes.copy()
        codes[left_out] = -1
        found = np.bincount(codes[codes >= 0], minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))


class CatalogIndex:
    """What a catalog's pictures are called and which class each has by itself; made once, in the background.

    names: one a picture. class_names: in the order they are shown; empty when there are no classes. classes: int32
    (count,), each an index into `class_names`, −1 where a picture has none.
    """

    def __init__(self, names: list[str], class_names: tuple[str, ...], classes: NDArray[np.int32]) -> None:
        self.names = names
        self.class_names = class_names
        self.classes = classes
        self._places: dict[str, int] | None = None

    @property
    def count(self) -> int:
        return len(self.names)

    def place(self, name: str) -> int | None:
        """The catalog's number of the picture of this name."""
        if self._places is None:
            self._places = {name: index for index, name in enumerate(self.names)}
        return self._places.get(name)

    def places(self, names: Iterable[str]) -> NDArray[np.int64]:
        """The catalog's numbers of these pictures, ascending; names that are not there are passed over."""
        found = (self.place(name) for name in names)
        return np.array(sorted(place for place in found if place is not None), dtype=np.int64)

    def shown(self, preparation: Preparation) -> ClassesShown:
        """The classes that pictures have after this preparation: what it gives them, else what it calls their own."""
        own = [preparation.renamed.get(name, name) for name in self.class_names]
        given = dict(self._given(preparation))
        if not own and not given:
            return ClassesShown((), np.full(self.count, -1, np.int32))
        ordered = list(dict.fromkeys(own))
        ordered += sorted(set(given.values()) - set(ordered), key=natural_key)
        number = {name: code for code, name in enumerate(ordered)}
        # The last one stands for what has no class.
        codes = np.array([*(number[name] for name in own), number.setdefault(UNSORTED, len(number))])[self.classes]
        for place, name in given.items():
            codes[place] = number[name]
        present, codes = np.unique(codes, return_inverse=True)
        names = list(number)
        return ClassesShown(tuple(names[code] for code in present.tolist()), codes.astype(np.int32))

    def _given(self, preparation: Preparation) -> Iterator[tuple[int, str]]:
        for picture, name in preparation.classes.items():
            place = self.place(picture)
            if place is not None:
                yield place, name

    def matching(self, words: str) -> NDArray[np.int64]:
        """The catalog's numbers of the pictures whose name contains all of these words, in any case."""
        parts = words.casefold().split()
        return np.array(
            [i for i, name in enumerate(self.names) if all(part in name.casefold() for part in parts)], dtype=np.int64
        )


def index_catalog(catalog: Catalog) -> Iterator[ImportProgress | CatalogIndex]:
    """Look at every picture's name and class; yields how far it is, and the CatalogIndex once, last."""
    names: list[str] = []
    total = catalog.count
    for source in catalog.sources:
        for index in range(source.count):
            names.append(source.name(index))
            if len(names) % _CHUNK == 0:
                yield ImportProgress(len(names), total, "", "Looking at names")
    own = classes_of(catalog, np.arange(total), Preparation())
    classes = np.full(total, -1, np.int32) if own.labels is None else own.labels.astype(np.int32)
    yield CatalogIndex(names, own.class_names, classes)
