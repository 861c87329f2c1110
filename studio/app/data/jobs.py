"""The background jobs of the data: look at what was dropped, prepare it, examine it. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.app.data.catalog_index import CatalogIndex, index_catalog
from studio.app.data.shared_sources import joined, shared
from studio.data.preparation import Preparation
from studio.data.progress import ImportProgress
from studio.data.sources.source import Catalog, ScanOptions, UnreadableError
from studio.errors import DataError

if TYPE_CHECKING:
    from studio.data.findings import HealthReport
    from studio.data.image_set import ImageSet
    from studio.data.origins import Origins
    from studio.data.preparing import ImportResult
    from studio.data.report import ImportReport


Drops = tuple[tuple[Path, ...], ...]
"""What was dropped together, and what was added to it later: each looked at by itself."""


@dataclass(frozen=True, eq=False)
class OpenedData:
    """A data set as it came in: where it lies, how it was looked at and prepared, and the result."""

    drops: Drops
    catalog: Catalog
    index: CatalogIndex
    preparation: Preparation
    image_set: ImageSet
    report: ImportReport | None
    origins: Origins


def open_data(paths: Sequence[Path], *, name: str | None = None) -> Generator[ImportProgress, None, OpenedData]:
    """Scan files and folders and prepare what they hold; returns the OpenedData.

    Raises DataError when there is nothing to take. Ended early, it lets go of every file.
    """
    return open_drops((tuple(paths),), ScanOptions(), Preparation(), name=name)


def open_drops(
    drops: Drops, options: ScanOptions, preparation: Preparation, *, name: str | None = None
) -> Generator[ImportProgress, None, OpenedData]:
    """The same of what was dropped together and added later."""
    catalog = yield from _scan(drops, options, name)
    try:
        result = yield from prepare_data(catalog, preparation)
        index = yield from _index(catalog)
    except BaseException:
        catalog.close()
        raise
    return OpenedData(drops, catalog, index, preparation, result.image_set, result.report, result.origins)


def _scan(drops: Drops, options: ScanOptions, name: str | None) -> Generator[ImportProgress, None, Catalog]:
    """One catalog of all; names of what was added later begin with what it is called, so that none is there twice."""
    from studio.data.scanning import scan

    catalogs: list[Catalog] = []
    try:
        for number, paths in enumerate(drops):
            prefix = "" if number == 0 else f"added {number} · {paths[0].name}/"
            sheets = tuple((key.removeprefix(prefix), grid) for key, grid in options.sheets if key.startswith(prefix))
            own = replace(options, sheets=sheets)
            for event in scan(paths, own, name=name if number == 0 else None):
                if isinstance(event, Catalog):
                    catalogs.append(shared(event, prefix))
                else:
                    yield event
    except BaseException:
        for catalog in catalogs:
            catalog.close()
        raise
    return joined(catalogs, options)


def prepare_data(catalog: Catalog, preparation: Preparation) -> Generator[ImportProgress, None, ImportResult]:
    """Prepare what a catalog holds; returns the ImportResult. Raises DataError when nothing is left."""
    from studio.data.preparing import ImportResult, prepare

    for event in prepare(catalog, preparation):
        if isinstance(event, ImportResult):
            return event
        yield event
    raise AssertionError("a preparation ends with a result or an error")


def index_data(catalog: Catalog) -> Iterator[ImportProgress]:
    """Look at the names and classes of a catalog; returns its CatalogIndex."""
    return (yield from _index(catalog))


def examine_data(
    image_set: ImageSet, report: ImportReport | None, origins: Origins | None, preparation: Preparation
) -> Iterator[ImportProgress | HealthReport]:
    """Look for what a person should know of a set; yields a HealthReport whenever there is more to know."""
    from studio.data.health import examine

    yield from examine(image_set, report, origins, preparation)


def _index(catalog: Catalog) -> Generator[ImportProgress, None, CatalogIndex]:
    for event in index_catalog(catalog):
        if isinstance(event, CatalogIndex):
            return event
        yield event
    raise AssertionError("an index ends with itself")


def read_sheet(drops: Drops, options: ScanOptions, name: str) -> Generator[ImportProgress, None, object]:
    """Read a sheet of sprites as the one picture it is; returns uint8 (H, W, C). Raises DataError when it is gone."""
    others = tuple(entry for entry in options.sheets if entry[0] != name)
    catalog = yield from _scan(drops, replace(options, sheets=(*others, (name, None))), None)
    try:
        for source in catalog.sources:
            for index in range(source.count):
                if source.name(index) == name:
                    return source.read(index).pixels
    except UnreadableError as error:
        raise DataError(f"The sheet {name} cannot be read any more: {error}.", "Drop it again.") from error
    finally:
        catalog.close()
    raise DataError(f"The sheet {name} is not there any more.", "Drop it again.")
