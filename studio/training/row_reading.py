"""One row of a sample wall from its file, in a run that may be somebody else's and still be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

_MOST_PIXELS = 64 * 2**20


def row_path(folder: Path, step: int, *, raw: bool = False) -> Path:
    """Where the row of `step` lies among the rows in `folder`, as `wall.write_row` names it."""
    return folder / f"step-{step:08d}{'.raw' if raw else ''}.png"


def read_row(folder: Path, step: int, shape: tuple[int, int, int] | None, *, raw: bool = False) -> np.ndarray | None:
    """The pictures of one row, uint8 (N, H, W, C); None while its file is not there, not whole, or none of `shape`.

    shape: (C, H, W) of the pictures; None takes them to be square.
    """
    return read_row_file(row_path(folder, step, raw=raw), shape)


def read_row_file(path: Path, shape: tuple[int, int, int] | None) -> np.ndarray | None:
    """The same by the row's file."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            row = np.array(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if row.dtype != np.uint8 or row.ndim not in (2, 3):
        return None
    row = row[:, :, None] if row.ndim == 2 else row
    channels, height, width = shape or (row.shape[2], row.shape[0], row.shape[0])
    if row.shape[2] != channels or row.shape[0] != height or row.shape[1] == 0 or row.shape[1] % width:
        return None
    return np.ascontiguousarray(row.reshape(height, -1, width, channels).transpose(1, 0, 2, 3))
