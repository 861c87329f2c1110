"""The contract between whatever holds pictures and whoever prepares them: look first, read when wanted.

A source is a folder's files, an archive, an array file, a sheet of sprites, a film. It is opened once and then asked
for single pictures, in any order and again and again: preview and import read through the same door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from studio.data.report import SkippedFile


class UnreadableError(Exception):
    """This cannot be taken; the message completes "left out: …" in words for the person who brought it."""


@dataclass(frozen=True)
class Decoded:
    """One picture.

    Attributes:
        pixels: uint8 (H, W, C): 1 channel when every pixel is grey, 4 when some are transparent, else 3.
        original_size: (width, height) as stored, upright.
        remarks: what was done to it, or what its decoder complained of, in words.
    """

    pixels: NDArray[np.uint8]
    original_size: tuple[int, int]
    remarks: tuple[str, ...] = ()


class PictureSource(Protocol):
    """Pictures 0..count-1 that can be read one by one.

    Used by one thread at a time. Everything but `read` is cheap and reads nothing from the disk.
    """

    @property
    def count(self) -> int:
        """How many pictures there are."""
        ...

    def name(self, index: int) -> str:
        """What tells this picture from all others of the catalog, today and tomorrow: its path relative to what was
        dropped with "/" between the parts, followed by "#…" where a file holds several ("digits.idx3#41")."""
        ...

    def folders(self, index: int) -> tuple[str, ...]:
        """The folders between what was dropped and the picture; they may become its class."""
        ...

    def label(self, index: int) -> str | None:
        """The class that the source itself gives the picture, which goes before its folders; None for none."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """(width, height), upright, as the header promises."""
        ...

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        """The picture. `smallest_side` allows it to be decoded smaller, as long as no side falls below that.

        Raises UnreadableError.
        """
        ...

    def close(self) -> None:
        """Let go of open files. Nothing is read afterwards."""
        ...


@dataclass(frozen=True)
class SheetGrid:
    """How a sheet of sprites is cut: equal cells in rows, counted in pixels from the upper left corner.

    Attributes:
        cell: (width, height) of a cell, each at least 1.
        margin: (x, y) of the first cell, at least 0.
        gap: (x, y) between two cells, at least 0.
        skip_empty: leave out cells that are one colour all over, which is what sheets are filled up with.
    """

    cell: tuple[int, int]
    margin: tuple[int, int] = (0, 0)
    gap: tuple[int, int] = (0, 0)
    skip_empty: bool = True

    def cells(self, width: int, height: int) -> tuple[int, int]:
        """(columns, rows) of whole cells in a sheet of this size."""
        columns = (width - self.margin[0] + self.gap[0]) // (self.cell[0] + self.gap[0])
        rows = (height - self.margin[1] + self.gap[1]) // (self.cell[1] + self.gap[1])
        return max(0, columns), max(0, rows)


@dataclass(frozen=True)
class SheetFound:
    """A picture that looks like a sheet of sprites.

    Attributes:
        name: of the picture, as `PictureSource.name` would give it.
        size: (width, height) of the whole sheet.
        grid: the grid that was detected, or that the person gave.
        certain: the grid shows in the pixels; otherwise it is merely likely, and the sheet is taken as one picture
            until the person says otherwise.
    """

    name: str
    size: tuple[int, int]
    grid: SheetGrid
    certain: bool


@dataclass(frozen=True)
class FilmFound:
    """An animation: a picture with several frames.

    Attributes:
        name: of its first frame, as `PictureSource.name` would give it for a still picture.
        frames: how many there are.
    """

    name: str
    frames: int


@dataclass(frozen=True)
class ScanOptions:
    """How to look at what was dropped.

    Attributes:
        sheets: grids by the name of their picture, set by hand; None takes that picture as one, whatever was detected.
            What is not named is cut when a grid is certain.
        film_frames: take every frame of an animation as a picture; otherwise its first.
    """

    sheets: tuple[tuple[str, SheetGrid | None], ...] = ()
    film_frames: bool = True


@dataclass(frozen=True, eq=False)
class Catalog:
    """Everything that was found in what was dropped; no picture of it is in memory yet.

    Attributes:
        title: what the set is called.
        dropped: what was dropped, as a path or a short description.
        sources: the pictures, source after source; the i-th of the catalog is found by counting through them.
        skipped: what cannot be taken, and why.
        notes: how things were read, where that is not plain.
        sheets, films: pictures that hold several.
        class_names: the classes in the order that the data themselves give (a list of names beside the labels); empty
            when the names' natural order is as good.
        options: how it was looked at.
    """

    title: str
    dropped: str
    sources: Sequence[PictureSource]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()
    sheets: tuple[SheetFound, ...] = ()
    films: tuple[FilmFound, ...] = ()
    class_names: tuple[str, ...] = ()
    options: ScanOptions = ScanOptions()

    @property
    def count(self) -> int:
        """How many pictures there are in all sources."""
        return sum(source.count for source in self.sources)

    def locate(self, index: int) -> tuple[PictureSource, int]:
        """The source that the catalog's picture `index` is in, and its number there. Raises IndexError."""
        if index >= 0:
            for source in self.sources:
                if index < source.count:
                    return source, index
                index -= source.count
        raise IndexError("the catalog has no such picture")

    def close(self) -> None:
        """Let go of the open files of all sources."""
        for source in self.sources:
            source.close()
