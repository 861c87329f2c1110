"""Numbers leaving the program: tables as CSV, arrays as NPZ."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from studio import files
from studio.generation.export import refuse_existing


def write_table(
    path: Path | str, columns: Mapping[str, Sequence[object] | np.ndarray], *, overwrite: bool = False
) -> Path:
    """A CSV file with a line of names and a line for each row; numbers so that reading them gives the same bits.

    columns: all of one length. None and NaN are empty cells. Returns the path.

    Raises ValueError for columns of different lengths, StorageError when `path` exists and `overwrite` is not set, or
    when it cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the columns of a table are of one length")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(_cell, row) for row in zip(*columns.values(), strict=True))
    files.write_text(path, text.getvalue())
    return path


def write_arrays(path: Path | str, arrays: Mapping[str, np.ndarray], *, overwrite: bool = False) -> Path:
    """A compressed .npz file of named arrays, none of them of Python objects. Returns the path.

    Raises ValueError for an array of objects, StorageError when `path` exists and `overwrite` is not set, or when it
    cannot be written.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ValueError(f"{name} holds Python objects, which only pickle can write")
    with files.atomic_write(path) as file:
        np.savez_compressed(file, **dict(arrays))
    return path


def _cell(value: object) -> object:
    if isinstance(value, np.generic):
        # A float32 has its own shortest spelling.
        value = float(str(value)) if isinstance(value, np.floating) else value.item()
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return repr(value) if isinstance(value, float) else value
