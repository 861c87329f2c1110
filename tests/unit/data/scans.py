"""Scans run to their end, for the tests of the data room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.scanning import scan
from studio.data.sources.source import Catalog, Decoded, ScanOptions


@contextmanager
def scanned(paths: Path | Sequence[Path], options: ScanOptions | None = None) -> Iterator[Catalog]:
    """The catalog of what was dropped, closed afterwards."""
    *_, catalog = scan(paths, options)
    assert isinstance(catalog, Catalog)
    try:
        yield catalog
    finally:
        catalog.close()


def names(catalog: Catalog) -> list[str]:
    """The names of all pictures."""
    return [source.name(index) for source in catalog.sources for index in range(source.count)]


def labels(catalog: Catalog) -> list[str | None]:
    """The classes that the sources themselves give."""
    return [source.label(index) for source in catalog.sources for index in range(source.count)]


def read(catalog: Catalog, index: int) -> Decoded:
    """One picture of the catalog, which must be as large as it was said to be."""
    source, number = catalog.locate(index)
    decoded = source.read(number)
    assert decoded.original_size == source.size(number)
    return decoded


def pixels(catalog: Catalog) -> list[NDArray[np.uint8]]:
    """All pictures, uint8 (H, W, C) each."""
    return [read(catalog, index).pixels for index in range(catalog.count)]


def reasons(catalog: Catalog) -> dict[str, str]:
    """What was left out, and why."""
    return {item.path: item.reason for item in catalog.skipped}
