"""Pictures that are a file each, on the disk or in an archive."""

from __future__ import annotations

from array import array

from studio.data.sources.decoding import read_picture
from studio.data.sources.entry import Entry, Shelf, hash_of
from studio.data.sources.source import Decoded

NO_LABEL = 2**32 - 1


class Labels:
    """Names of classes for many pictures, each name kept once."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._number_of: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number that stands for this name."""
        number = self._number_of.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number


class FileSource:
    """Some files of a shelf, a picture each. Costs some twenty bytes a picture, beside the shelf's names."""

    def __init__(self, shelf: Shelf, labels: Labels | None = None) -> None:
        self._shelf = shelf
        self._labels = labels
        self._positions = array("I")
        self._widths = array("I")
        self._heights = array("I")
        self._label_numbers = array("I")

    def add(self, position: int, size: tuple[int, int], label: int = NO_LABEL) -> None:
        """One more picture: its number on the shelf, its (width, height), the number of its class."""
        self._positions.append(position)
        self._widths.append(size[0])
        self._heights.append(size[1])
        if self._labels is not None:
            self._label_numbers.append(label)

    def entry(self, index: int) -> Entry:
        """The file of a picture."""
        return self._shelf[self._positions[index]]

    @property
    def count(self) -> int:
        return len(self._positions)

    def name(self, index: int) -> str:
        return self._shelf.shown(self._positions[index])

    def folders(self, index: int) -> tuple[str, ...]:
        return self._shelf.folders(self._positions[index])

    def label(self, index: int) -> str | None:
        if self._labels is None or self._label_numbers[index] == NO_LABEL:
            return None
        return self._labels.names[self._label_numbers[index]]

    def size(self, index: int) -> tuple[int, int]:
        return self._widths[index], self._heights[index]

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        entry = self.entry(index)
        with entry.open() as file:
            return read_picture(file, entry.name, smallest_side=smallest_side)

    def stamp(self) -> str:
        """What changes when one of the files changes, or which of them are taken."""
        named = self._labels.names if self._labels is not None else []
        return f"{self._shelf.stamp(self._positions)} {hash_of(self._positions)} {hash_of(self._label_numbers)} {named}"

    def close(self) -> None:
        self._shelf.close()
