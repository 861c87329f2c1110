"""A comparison as files: jobs for the background thread, which write what the screen shows with its labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.generation.comparison_export import Album, View

SHEET_KINDS = ((".png", "PNG"),)
TABLE_KINDS = ((".csv", "CSV"),)
ARRAY_KINDS = ((".npz", "NPZ"),)


def settled(album: Album) -> Album:
    """The album as it is now, whatever is recorded later; call it in the GUI thread before a job."""
    return replace(album, traces=dict(album.traces), seconds=dict(album.seconds))


def sheet_job(album: Album, view: View, moment: int, path: Path) -> Iterator[object]:
    """Write the sheet of one moment; returns its path. Raises StorageError."""
    from studio.generation.comparison_export import sheet_image
    from studio.generation.export import save_image

    yield from ()
    return save_image(sheet_image(album, view, moment), path, overwrite=True)


def film_job(album: Album, view: View, fps: float, path: Path) -> Iterator[object]:
    """Write the film of all moments; returns its path. Raises StorageError, SettingsError."""
    from studio.generation.comparison_export import film_images
    from studio.generation.films import write_film

    yield from ()
    return write_film(film_images(album, view), path, fps=fps, overwrite=True)


def table_job(album: Album, reference: int, path: Path) -> Iterator[object]:
    """Write the numbers of the cells; returns the path. Raises StorageError."""
    from studio.generation.comparison_export import comparison_table
    from studio.generation.numbers import write_table

    yield from ()
    return write_table(path, comparison_table(album, reference), overwrite=True)


def arrays_job(album: Album, path: Path) -> Iterator[object]:
    """Write pictures and noise; returns the path. Raises StorageError."""
    from studio.generation.comparison_export import comparison_arrays
    from studio.generation.numbers import write_arrays

    yield from ()
    return write_arrays(path, comparison_arrays(album), overwrite=True)
