"""The sample wall: the same few pictures drawn again and again while the model learns, one row each time."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from studio import files

COST_SHARE = 0.05
"""The largest share of training time that rows may take."""

_PATIENCE = 3.0
"""The second row waits until training has taken so many times as long as the first row did."""

_ROW_NAME = re.compile(r"step-(\d{8,})\.png")
_RAW_ROW_NAME = re.compile(r"step-(\d{8,})\.raw\.png")
_PAIRS_NAME = re.compile(r"pairs-(\d{8,})\.png")


class WallPlan:
    """When the next row is due.

    Rows come at fractions (k / (rows - 1))^2 of the budget: close together while everything changes, wider apart later.
    A row that would take more than its part of `cost_share` of the time is put off until it would not; the first is
    free.
    """

    def __init__(self, rows: int, fraction: float, *, begun: bool, cost_share: float = COST_SHARE) -> None:
        """For a run that stands at `fraction`; the very first row is due at once, unless the run was `begun` before."""
        self._moments = [(k / max(1, rows - 1)) ** 2 for k in range(rows)]
        self._next = sum(moment <= fraction for moment in self._moments) if begun else 0
        self._cost_share = cost_share
        self._spent = 0.0
        self._last_cost = 0.0
        self._first_cost = 0.0

    def due(self, fraction: float, seconds: float) -> bool:
        """Whether to draw a row now, `fraction` of the budget and `seconds` of training into the run."""
        if self._next >= len(self._moments) or fraction < self._moments[self._next]:
            return False
        if self._next == 0:
            return True
        # Until one was drawn that counts, the first says at most what the next will cost.
        known = self._last_cost > 0.0 or seconds >= _PATIENCE * self._first_cost
        return known and self.affords(fraction, seconds, self._last_cost)

    def affords(self, fraction: float, seconds: float, cost_seconds: float) -> bool:
        """Whether something that takes so long is still within the part of the time that is allowed by now."""
        if fraction <= 0.0:
            return False
        # The k-th row is due at a fraction of (k / rows)^2, so the square root hands out the time evenly to them.
        return self._spent + cost_seconds <= self._cost_share * seconds / math.sqrt(fraction)

    def drawn(self, fraction: float, cost_seconds: float, extra_seconds: float = 0.0) -> None:
        """Take note of a row that was due, and of what it cost; moments that went by meanwhile are passed over.

        extra_seconds: what was spent beside it and will not be again unless there is time left over.
        """
        # The first row also pays for everything that happens once; counted, it would delay the next ones for long.
        if self._next > 0:
            self._spent += cost_seconds + extra_seconds
            self._last_cost = cost_seconds
        else:
            self._first_cost = cost_seconds
        self._next = sum(moment <= fraction for moment in self._moments)

    @property
    def last_cost(self) -> float:
        """What the last row cost in seconds; 0 before there was one that counts."""
        return self._last_cost

    def stand_at(self, fraction: float) -> None:
        """Go on from `fraction`, after the run was set back or its budget changed."""
        self._next = sum(moment <= fraction for moment in self._moments)


def write_row(folder: Path, step: int, pictures: np.ndarray, *, raw: bool = False) -> Path:
    """Write one row, uint8 (N, H, W, C), side by side into one PNG. Raises StorageError.

    raw: the pictures are from the weights as they are, not from their average; they have a file of their own.
    """
    path = folder / f"step-{step:08d}{'.raw' if raw else ''}.png"
    write_strip(path, pictures)
    return path


def write_strip(path: Path, pictures: np.ndarray) -> None:
    """Write pictures uint8 (N, H, W, C) side by side into one PNG. Raises StorageError."""
    count, height, width, channels = pictures.shape
    row = np.ascontiguousarray(pictures.transpose(1, 0, 2, 3)).reshape(height, count * width, channels)
    with files.atomic_write(path) as file:
        Image.fromarray(row[:, :, 0] if channels == 1 else row).save(file, format="PNG")


def read_rows(folder: Path, shape: tuple[int, int, int]) -> Iterator[tuple[int, np.ndarray]]:
    """(step, pictures) of each row in `folder`, oldest first; pictures uint8 (N, H, W, C) of `shape` (C, H, W).

    What is not a row of that shape is passed over: people may keep other things in the folder.
    """
    return _read(_row_files(folder), shape)


def read_raw_rows(folder: Path, shape: tuple[int, int, int]) -> Iterator[tuple[int, np.ndarray]]:
    """The same for the rows that were drawn from the raw weights as well."""
    return _read(_row_files(folder, _RAW_ROW_NAME), shape)


def row_paths(folder: Path) -> tuple[Path, ...]:
    """The files of all rows in `folder`, oldest first."""
    return tuple(path for _, path in _row_files(folder))


def pairs_paths(folder: Path) -> tuple[Path, ...]:
    """The files of all pairs of samples and training pictures, oldest first."""
    return tuple(path for _, path in _row_files(folder, _PAIRS_NAME))


def raw_row_paths(folder: Path) -> tuple[Path, ...]:
    """The files of all rows from the raw weights, oldest first."""
    return tuple(path for _, path in _row_files(folder, _RAW_ROW_NAME))


def drop_rows_after(folder: Path, step: int) -> None:
    """Remove the rows of a future that a resumed run does not remember."""
    for row_step, path in _all_files(folder):
        if row_step > step:
            path.unlink(missing_ok=True)


def copy_rows_until(folder: Path, step: int, target: Path) -> None:
    """Copy the rows up to `step` into the folder `target`. Raises OSError."""
    rows = [path for row_step, path in _all_files(folder) if row_step <= step]
    if rows:
        target.mkdir(parents=True, exist_ok=True)
    for path in rows:
        shutil.copyfile(path, target / path.name)


def _all_files(folder: Path) -> list[tuple[int, Path]]:
    """Rows of both kinds, and the pairs that lie among them, see `pairs`."""
    return [each for name in (_ROW_NAME, _RAW_ROW_NAME, _PAIRS_NAME) for each in _row_files(folder, name)]


def _read(rows: list[tuple[int, Path]], shape: tuple[int, int, int]) -> Iterator[tuple[int, np.ndarray]]:
    channels, height, width = shape
    for step, path in rows:
        try:
            with Image.open(path, formats=("PNG",)) as image:
                if image.height != height or image.width % width != 0:
                    continue
                row = np.array(image).reshape(height, -1, width, channels)
        except (OSError, ValueError):
            continue
        yield step, np.ascontiguousarray(row.transpose(1, 0, 2, 3))


def _row_files(folder: Path, name: re.Pattern[str] = _ROW_NAME) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    matches = ((name.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in matches if match)
