"""The background jobs of the data: look at what was dropped, prepare it, examine it. No Qt."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio.app.data.catalog_index import CatalogIndex, index_catalog
from studio.app.data.shared_sources import shared
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


@dataclass(frozen=True, eq=False)
class OpenedData:
    """A data set as it came in: where it lies, how it was looked at and prepared, and the result."""

    paths: tuple[Path, ...]
    catalog: Catalog
    index: CatalogIndex
    preparation: Preparation
    image_set: ImageSet
    report: ImportReport | None
    origins: Origins


def open_data(
    paths: Sequence[Path],
    options: ScanOptions | None = None,
    preparation: Preparation | None = None,
    *,
    name: str | None = None,
) -> Generator[ImportProgress, None, OpenedData]:
    """Scan files and folders and prepare what they hold; returns the OpenedData.

    Raises DataError when there is nothing to take. Ended early, it lets go of every file.
    """
    from studio.data.scanning import scan

    catalog: Catalog | None = None
    try:
        for event in scan(tuple(paths), options or ScanOptions(), name=name):
            if isinstance(event, Catalog):
                catalog = shared(event)
            else:
                yield event
        assert catalog is not None, "a scan ends with a catalog or an error"
        chosen = preparation or Preparation()
        result = yield from prepare_data(catalog, chosen)
        index = yield from _index(catalog)
    except BaseException:
        if catalog is not None:
            catalog.close()
        raise
    return OpenedData(tuple(paths), catalog, index, chosen, result.image_set, result.report, result.origins)


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


def read_sheet(paths: Sequence[Path], options: ScanOptions, name: str) -> Generator[ImportProgress, None, object]:
    """Read a sheet of sprites as the one picture it is; returns uint8 (H, W, C). Raises DataError when it is gone."""
    from studio.data.scanning import scan

    others = tuple(entry for entry in options.sheets if entry[0] != name)
    whole = replace(options, sheets=(*others, (name, None)))
    for event in scan(tuple(paths), whole):
        if not isinstance(event, Catalog):
            yield event
            continue
        try:
            for source in event.sources:
                for index in range(source.count):
                    if source.name(index) == name:
                        return source.read(index).pixels
        except UnreadableError as error:
            raise DataError(f"The sheet {name} cannot be read any more: {error}.", "Drop it again.") from error
        finally:
            event.close()
    raise DataError(f"The sheet {name} is not there any more.", "Drop it again.")
