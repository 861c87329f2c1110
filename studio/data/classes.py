"""Which class each picture of a catalog has: what a person said, then what the data say, then the folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.origins import walk
from studio.data.preparation import Preparation
from studio.data.sources.folder import UNSORTED, classes_from_folders, natural_key
from studio.data.sources.source import Catalog


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of some pictures.

    Attributes:
        labels: int64, one index into `class_names` per picture, or None when nothing tells classes apart.
        class_names: in the order of the data where they have one, else in natural order.
        notes: how folders were read, where that is not plain.
    """

    labels: NDArray[np.int64] | None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def classes_of(catalog: Catalog, indices: NDArray[np.int64], preparation: Preparation) -> Classes:
    """The classes of the catalog's pictures `indices` (ascending).

    A class that the preparation empties is gone; one that the data name though they hold no picture of it stays. What
    has no class among others that have one is of the class UNSORTED. One class alone is none.
    """
    given = [source.label(number) for source, number in walk(catalog, indices)]
    notes: tuple[str, ...] = ()
    without = [position for position, name in enumerate(given) if name is None]
    if without:
        folder_names, notes = _from_folders(catalog, indices[without])
        for position, name in zip(without, folder_names, strict=True):
            given[position] = name
    renamed = preparation.renamed
    names = [None if name is None else renamed.get(name, name) for name in given]
    if preparation.classes:
        for position, (source, number) in enumerate(walk(catalog, indices)):
            names[position] = preparation.classes.get(source.name(number), names[position])
    if all(name is None for name in names):
        return Classes(None, notes=notes)
    certain = [UNSORTED if name is None else name for name in names]
    present = set(certain)
    # What the data name and never fill stays; what only the preparation emptied goes.
    never_filled = set(catalog.class_names)
    if never_filled:
        never_filled -= {source.label(number) for source in catalog.sources for number in range(source.count)}
    order = dict.fromkeys(
        renamed.get(name, name)
        for name in catalog.class_names
        if name in never_filled or renamed.get(name, name) in present
    )
    new = sorted(present - order.keys(), key=lambda name: (name == UNSORTED, natural_key(name), name))
    class_names = (*order, *new)
    if len(class_names) < 2:
        return Classes(None, notes=notes)
    positions = {name: position for position, name in enumerate(class_names)}
    labels = np.fromiter((positions[name] for name in certain), np.int64, len(certain))
    return Classes(labels, class_names, notes)


def _from_folders(catalog: Catalog, indices: NDArray[np.int64]) -> tuple[Sequence[str | None], tuple[str, ...]]:
    # A million pictures lie in a few folders, so each tuple is kept once.
    distinct: dict[tuple[str, ...], tuple[str, ...]] = {}
    folders = [
        distinct.setdefault(found, found)
        for source, number in walk(catalog, indices)
        for found in (source.folders(number),)
    ]
    classes = classes_from_folders(folders)
    if classes.labels is None:
        return [None] * len(folders), classes.notes
    return [classes.class_names[label] for label in classes.labels], classes.notes
