"""Whole sets that lie in one file as arrays: what their readers hand over, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.limits import MAX_CLASSES
from studio.data.sources.entry import Entry, printable
from studio.data.sources.records import RecordSource


@dataclass(frozen=True)
class ReadProgress:
    """`done` of `total` bytes of a file are read."""

    done: int
    total: int


@dataclass(frozen=True)
class Opened:
    """A file of pictures that was opened.

    Attributes:
        source: its pictures.
        notes: how the file was read, where that is not plain.
    """

    source: RecordSource
    notes: tuple[str, ...] = ()

    def used(self, entry: Entry) -> bool:
        """Whether labels or names came from this file."""
        return entry in self.source.beside


def classes_from_values(
    values: NDArray[np.generic], names: Sequence[str] = ()
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels and class names from label values (N,): whole numbers, or texts.

    Numbers are looked up in `names` when all of them fit, otherwise they are their own names. One class alone is none.
    Raises ValueError, with a reason in words, for anything that is not a label.
    """
    if values.dtype.kind in "US":
        distinct, labels = np.unique(values, return_inverse=True)
        texts = tuple(printable(as_text(value)) for value in distinct)
    else:
        if values.dtype.kind not in "biuf" or not _are_whole(values):
            raise ValueError("the labels are not whole numbers")
        whole = values.astype(np.int64)
        if names and whole.min() >= 0 and whole.max() < len(names):
            return whole, tuple(names)
        distinct, labels = np.unique(whole, return_inverse=True)
        texts = tuple(str(value) for value in distinct)
    if len(texts) > MAX_CLASSES:
        raise ValueError(f"there are more than {MAX_CLASSES:,} different labels")
    if len(texts) < 2:
        return None, ()
    return labels.astype(np.int64), texts


def _are_whole(values: NDArray[np.generic]) -> bool:
    if values.dtype.kind != "f":
        return True
    return bool(np.isfinite(values).all() and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all())


def as_text(value: object) -> str:
    """A text out of a NumPy array, whether it was stored as text or as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
