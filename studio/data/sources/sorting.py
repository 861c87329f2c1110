"""What the files of a shelf are, by their names."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from studio.data.sources import archive, cifar, idx, numpy_arrays, parquet, table
from studio.data.sources.decoding import readable_suffixes
from studio.data.sources.entry import Entry, Shelf, suffix_of


@dataclass
class Sorted:
    """The files of a shelf by kind, each kind in the order that people expect.

    Attributes:
        pictures: numbers on the shelf of what may be a picture, which is everything that is nothing else.
        captions: numbers of texts that lie beside pictures of their name.
        has_pictures: whether a name in `pictures` is that of a picture.
    """

    idx: list[Entry] = field(default_factory=list)
    cifar: list[Entry] = field(default_factory=list)
    parquet: list[Entry] = field(default_factory=list)
    arrays: list[Entry] = field(default_factory=list)
    tables: list[Entry] = field(default_factory=list)
    archives: list[Entry] = field(default_factory=list)
    pictures: array[int] = field(default_factory=lambda: array("I"))
    captions: list[int] = field(default_factory=list)
    has_pictures: bool = False

    def beside(self, taken: list[Entry]) -> Iterator[Entry]:
        """The files of many pictures that are not of the kind that was taken, nor archives."""
        for kind in (self.idx, self.cifar, self.parquet, self.arrays, self.tables):
            if kind is not taken:
                yield from kind


def sort(shelf: Shelf, is_idx: Callable[[Entry], bool] | None = None) -> Sorted:
    """Sort the files of a shelf. `is_idx` tells of a file without a telling name whether it is an IDX file."""
    found = Sorted()
    texts: list[int] = []
    suffixes = readable_suffixes()
    for position in shelf.in_order():
        name = shelf.names[position]
        suffix = suffix_of(name)
        if suffix in suffixes:
            found.has_pictures = True
            found.pictures.append(position)
        elif suffix == ".txt" and not cifar.is_beside_batches(name):
            texts.append(position)
        elif (kind := _kind(found, name)) is not None:
            kind.append(shelf[position])
        elif is_idx is not None and not shelf.folders(position) and is_idx(shelf[position]):
            found.idx.append(shelf[position])
        else:
            found.pictures.append(position)
    _tell_captions(shelf, found, texts)
    return found


def _kind(found: Sorted, name: str) -> list[Entry] | None:
    if numpy_arrays.is_npz(name) or numpy_arrays.is_npy(name):
        return found.arrays
    if idx.looks_like_idx(name):
        return found.idx
    if cifar.looks_like_cifar(name):
        return found.cifar
    if parquet.is_parquet(name):
        return found.parquet
    if table.is_table(name):
        return found.tables
    return found.archives if archive.is_archive(name) else None


def _tell_captions(shelf: Shelf, found: Sorted, texts: list[int]) -> None:
    """Texts are captions where a picture of the same name lies beside them, otherwise they are something else."""
    if not texts:
        return
    stems = {hash((shelf.folders(position), shelf.names[position].rpartition(".")[0])) for position in found.pictures}
    for position in texts:
        is_caption = hash((shelf.folders(position), shelf.names[position].rpartition(".")[0])) in stems
        (found.captions if is_caption else found.pictures).append(position)
