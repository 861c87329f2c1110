"""Samples beside their nearest training pictures, kept among the rows of the wall: the log has only their distances."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from studio.training.events import QualityMeasured
from studio.training.row_reading import read_row_file
from studio.training.wall import write_strip


def pairs_path(folder: Path, step: int) -> Path:
    """Where the pairs of `step` lie among the rows in `folder`."""
    return folder / f"pairs-{step:08d}.png"


def write_pairs(folder: Path, event: QualityMeasured) -> Path | None:
    """Write the pairs of a measurement into one PNG, samples first, the pictures nearest to them behind.

    None when it has none. Raises StorageError.
    """
    if len(event.examples) == 0 or event.examples.shape != event.nearest.shape:
        return None
    path = pairs_path(folder, event.step)
    write_strip(path, np.concatenate([event.examples, event.nearest]))
    return path


def with_pairs(event: QualityMeasured, folder: Path, shape: tuple[int, int, int] | None) -> QualityMeasured:
    """The same measurement with its pairs from the rows in `folder`; as it is where they are not there or not whole.

    shape: (C, H, W) of the pictures; None takes them to be square.
    """
    pictures = read_row_file(pairs_path(folder, event.step), shape)
    if pictures is None or len(pictures) % 2:
        return event
    half = len(pictures) // 2
    return dataclasses.replace(event, examples=pictures[:half], nearest=pictures[half:])
