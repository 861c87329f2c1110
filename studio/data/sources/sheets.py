"""Sheets of sprites: finding the grid in the pixels, and taking each cell as a picture.

Detection is careful. A photograph or a single sprite must never be cut, so a grid is certain only when empty gutters
run straight through the whole picture at equal distances and what they part is varied, as sprites are and patterns
are not. What merely repeats itself is said, and left whole until the person decides.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.fitting import minimal_channels, pixel_scale
from studio.data.sources.decoding import read_picture
from studio.data.sources.entry import Shelf, hash_of
from studio.data.sources.source import Decoded, SheetGrid, UnreadableError

SMALLEST_SHEET = 32
LARGEST_SHEET_PIXELS = 4 * 2**20
SMALLEST_CELL = 6
LARGEST_CELL = 512
_FEWEST_CELLS = 6
_FEWEST_IN_LINE = 4
_MOST_UNEQUAL = 2.0
_FILLED = 0.5
_VARIED = 0.75
_SMALLEST_REPEATED = 8
_LARGEST_REPEATED_PIXELS = 2**20
_EDGE_RATIO = 2.0


@dataclass(frozen=True)
class Detected:
    """A grid that a picture may have, and whether that is certain."""

    grid: SheetGrid
    certain: bool


def may_be_sheet(size: tuple[int, int]) -> bool:
    """Whether a picture of this (width, height) is worth looking at."""
    return max(size) >= SMALLEST_SHEET and min(size) >= SMALLEST_CELL and size[0] * size[1] <= LARGEST_SHEET_PIXELS


def detect(pixels: NDArray[np.uint8]) -> Detected | None:
    """The grid of a sheet of sprites uint8 (H, W, C), or None when nothing speaks for one."""
    height, width, _ = pixels.shape
    if not may_be_sheet((width, height)):
        return None
    empty = _ground(pixels)
    if empty is not None:
        parted = _gutter_grid(empty)
        if parted is not None and _is_varied(pixels, empty, parted.grid):
            return parted
    if width * height > _LARGEST_REPEATED_PIXELS:
        return None
    grid = _repeated_grid(pixels)
    return None if grid is None else Detected(grid, False)


def filled_cells(pixels: NDArray[np.uint8], grid: SheetGrid) -> list[int]:
    """The numbers of the cells that are taken, row by row; those of one colour are not when the grid says so."""
    return [
        number
        for number, cell in enumerate(_cells(pixels, grid))
        if not (grid.skip_empty and (cell == cell[0, 0]).all())
    ]


def cut(pixels: NDArray[np.uint8], grid: SheetGrid, number: int) -> NDArray[np.uint8]:
    """The cell of this number, row by row, uint8 (h, w, C)."""
    columns, _ = grid.cells(pixels.shape[1], pixels.shape[0])
    row, column = divmod(number, columns)
    x = grid.margin[0] + column * (grid.cell[0] + grid.gap[0])
    y = grid.margin[1] + row * (grid.cell[1] + grid.gap[1])
    return pixels[y : y + grid.cell[1], x : x + grid.cell[0]]


def _cells(pixels: NDArray[np.uint8], grid: SheetGrid) -> Iterator[NDArray[np.uint8]]:
    columns, rows = grid.cells(pixels.shape[1], pixels.shape[0])
    return (cut(pixels, grid, number) for number in range(columns * rows))


def _ground(pixels: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """bool (H, W): where nothing is drawn. None when there is no ground that reaches the picture's edge."""
    if pixels.shape[2] == 4:
        clear = pixels[:, :, 3] == 0
        if clear.any():
            return clear
    # The colour of the ground is that of the lines which are one colour from edge to edge.
    plain_columns = (pixels == pixels[:1]).all(axis=(0, 2))
    plain_rows = (pixels == pixels[:, :1]).all(axis=(1, 2))
    plain = np.concatenate([pixels[0, plain_columns], pixels[plain_rows, 0]])
    if not len(plain):
        return None
    colours, counts = np.unique(plain, axis=0, return_counts=True)
    return (pixels == colours[counts.argmax()]).all(axis=2)


@dataclass(frozen=True)
class _Line:
    """Equal cells along one side."""

    start: int
    cell: int
    gap: int
    count: int


def _gutter_grid(empty: NDArray[np.bool_]) -> Detected | None:
    """The grid whose gutters are `empty` bool (H, W) from edge to edge."""
    across, down = _line(empty.all(axis=0)), _line(empty.all(axis=1))
    if across is None or down is None:
        return _strip(empty, across, down)
    alike = max(across.cell, down.cell) <= _MOST_UNEQUAL * min(across.cell, down.cell)
    if across.count * down.count < _FEWEST_CELLS or not alike:
        return None
    return Detected(SheetGrid((across.cell, down.cell), (across.start, down.start), (across.gap, down.gap)), True)


def _strip(empty: NDArray[np.bool_], across: _Line | None, down: _Line | None) -> Detected | None:
    """A single row or column of cells. A word is a row of drawings too, so only exact squares make it certain."""
    line = across or down
    if line is None or line.count < _FEWEST_IN_LINE:
        return None
    side = 0 if across is not None else 1
    other = empty.all(axis=1 - side)
    drawn = np.flatnonzero(~other)
    start, length = 0, len(other)
    if line.start and len(drawn):
        # Ruled all round: the cells end where the ruling begins.
        start, length = int(drawn[0]), int(drawn[-1] - drawn[0] + 1)
    if max(line.cell, length) > _MOST_UNEQUAL * min(line.cell, length):
        return None
    one = _Line(start, length, 0, 1)
    x, y = (line, one) if side == 0 else (one, line)
    return Detected(SheetGrid((x.cell, y.cell), (x.start, y.start), (x.gap, y.gap)), line.cell == length)


def _line(gutter: NDArray[np.bool_]) -> _Line | None:
    """How one side is parted, when `gutter` bool (L,) says where nothing is drawn all along the other."""
    length = len(gutter)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], gutter, [True]])))
    starts, ends = edges[::2], edges[1::2]
    if len(starts) < 2:
        return None
    widths, steps = ends - starts, np.diff(starts)
    if (widths == widths[0]).all() and (steps == steps[0]).all() and SMALLEST_CELL <= widths[0] <= LARGEST_CELL:
        if length == len(starts) * steps[0] and starts[0] < steps[0] - widths[0]:
            # Every drawing leaves the same room on both sides: the room belongs to the cell.
            return _Line(0, int(steps[0]), 0, len(starts))
        # Cells filled to their edges, with ruled gutters between.
        return _Line(int(starts[0]), int(widths[0]), int(steps[0] - widths[0]), len(starts))
    return _padded_line(length, starts, ends)


def _padded_line(length: int, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> _Line | None:
    """Equal parts of the whole length, one drawing inside of each: sprites that do not fill their cells."""
    for count in range(len(starts), 1, -1):
        cell = length // count
        if length % count or not SMALLEST_CELL <= cell <= LARGEST_CELL:
            continue
        # A drawing lies in one cell alone, and every cell but some at the end has one. Two drawings in a cell may be
        # the parts of one sprite, but when that happens often the cell is not the cell.
        first, last = starts // cell, (ends - 1) // cell
        if (first != last).any():
            continue
        used = np.unique(first)
        if len(used) >= 0.75 * count and len(starts) <= 1.25 * len(used):
            return _Line(0, cell, 0, count)
    return None


def _is_varied(pixels: NDArray[np.uint8], empty: NDArray[np.bool_], grid: SheetGrid) -> bool:
    """Whether the cells are drawings that differ, not the squares of a pattern or of a ruled picture."""
    columns, rows = grid.cells(pixels.shape[1], pixels.shape[0])
    drawn = [
        cell
        for cell, bare in zip(_cells(pixels, grid), _cells(empty[:, :, np.newaxis], grid), strict=True)
        if not bare.all()
    ]
    if len(drawn) < max(_FEWEST_IN_LINE, _FILLED * columns * rows):
        return False
    distinct = len({cell.tobytes() for cell in drawn})
    structured = sum(not (cell == cell[0, 0]).all() for cell in drawn)
    return distinct >= _VARIED * len(drawn) and structured >= _VARIED * len(drawn)


def _repeated_grid(pixels: NDArray[np.uint8]) -> SheetGrid | None:
    """Equal cells without gutters, known by what happens at every multiple of a length and nowhere in between."""
    scale = pixel_scale([pixels])
    small = pixels[::scale, ::scale].astype(np.int16)
    height, width, _ = small.shape
    across = _period(np.abs(np.diff(small, axis=1)).mean(axis=(0, 2)), width)
    down = _period(np.abs(np.diff(small, axis=0)).mean(axis=(1, 2)), height)
    if across is None or down is None or max(across, down) > _MOST_UNEQUAL * min(across, down):
        return None
    if (width // across) * (height // down) < _FEWEST_CELLS:
        return None
    return SheetGrid((across * scale, down * scale))


def _period(changes: NDArray[np.float64], length: int) -> int | None:
    """The divisor of `length` at whose multiples `changes` (length − 1,) are much larger or smaller than in between."""
    best: tuple[float, int] | None = None
    for cell in range(_SMALLEST_REPEATED, min(length // 2, LARGEST_CELL) + 1):
        if length % cell:
            continue
        at = np.arange(cell, length, cell) - 1
        between = np.delete(changes, at)
        # The weakest boundaries decide: in a photograph some lie where something ends by chance.
        above = float(np.quantile(changes[at], 0.1) / (between.mean() + 1e-6))
        below = float(between.mean() / (np.quantile(changes[at], 0.9) + 1e-6))
        ratio = max(above, below)
        if ratio >= _EDGE_RATIO and between.mean() > 1 and (best is None or ratio > best[0]):
            best = ratio, cell
    return None if best is None else best[1]


class SheetSource:
    """The cells of some sheets of a shelf, one after the other. One sheet is kept decoded at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._positions = array("I")
        self._grids: list[SheetGrid] = []
        self._ends: list[int] = []
        self._cells = array("I")
        self._held: tuple[int, NDArray[np.uint8]] | None = None

    def add(self, position: int, grid: SheetGrid, cells: list[int]) -> None:
        """One more sheet: its number on the shelf, its grid, and the numbers of the cells that are taken."""
        self._positions.append(position)
        self._grids.append(grid)
        self._cells.extend(cells)
        self._ends.append(len(self._cells))

    def _sheet(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return bisect.bisect_right(self._ends, index)

    @property
    def count(self) -> int:
        return len(self._cells)

    def name(self, index: int) -> str:
        return f"{self._shelf.shown(self._positions[self._sheet(index)])}#{self._cells[index]}"

    def folders(self, index: int) -> tuple[str, ...]:
        return self._shelf.folders(self._positions[self._sheet(index)])

    def label(self, index: int) -> str | None:
        return None

    def size(self, index: int) -> tuple[int, int]:
        return self._grids[self._sheet(index)].cell

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        sheet = self._sheet(index)
        if self._held is None or self._held[0] != sheet:
            entry = self._shelf[self._positions[sheet]]
            with entry.open() as file:
                self._held = sheet, read_picture(file, entry.name).pixels
        grid = self._grids[sheet]
        cell = cut(self._held[1], grid, self._cells[index])
        if cell.shape[:2] != grid.cell[::-1]:
            raise UnreadableError("the sheet is smaller than it was")
        return Decoded(minimal_channels(cell), grid.cell)

    def stamp(self) -> str:
        """What changes when one of the files changes, or which of them are taken."""
        return f"{self._shelf.stamp(self._positions)} {hash_of(self._positions)} {self._grids} {hash_of(self._cells)}"

    def close(self) -> None:
        self._held = None
        self._shelf.close()
