"""Reading a data set, and the command `inspect`."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.progress import ProgressLine

if TYPE_CHECKING:
    from studio.data.findings import HealthReport
    from studio.data.preparation import Preparation
    from studio.data.preparing import ImportResult
    from studio.data.progress import ImportProgress
    from studio.data.sources.source import Catalog, ScanOptions, SheetGrid


def inspect(arguments: argparse.Namespace) -> int:
    """What an import of the data would take, what it would not and why, and how healthy the set is."""
    result = read_prepared(arguments, quiet=arguments.json)
    health = _examined(result, near=arguments.near, quiet=arguments.json)
    report = dataclasses.replace(result.report, findings=health.findings)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        print(report.to_text())
    return EXIT_DONE


def read_pictures(
    data: Path, size: int | None, *, name: str | None = None, channels: int | None = None, quiet: bool
) -> ImportResult:
    """The pictures in `data` with the report of their import, showing how far it is. Raises DataError."""
    from studio.data.preparation import Preparation

    preparation = Preparation(size=None if size is None else (size, size), channels=channels)
    return _imported(data, name, preparation, None, quiet)


def read_prepared(arguments: argparse.Namespace, *, name: str | None = None, quiet: bool) -> ImportResult:
    """The pictures in `arguments.data`, looked at and prepared as the options of the parser say.

    Raises DataError, SettingsError.
    """
    from studio.data.preparation import Fit, Ground, Preparation

    preparation = Preparation(
        size=arguments.size,
        fit=Fit(arguments.fit),
        channels=arguments.channels,
        ground=Ground(arguments.ground),
    )
    return _imported(arguments.data, name, preparation, _options(arguments), quiet)


def _imported(
    data: Path, name: str | None, preparation: Preparation, options: ScanOptions | None, quiet: bool
) -> ImportResult:
    from studio.data.importing import import_images
    from studio.data.preparing import ImportResult

    with (
        ProgressLine(quiet) as line,
        contextlib.closing(import_images([data], name=name, preparation=preparation, options=options)) as items,
    ):
        for item in items:
            if isinstance(item, ImportResult):
                return item
            _show(line, item, f"reading {item.path}")
    raise AssertionError("an import ends with a result")


def _examined(result: ImportResult, *, near: bool, quiet: bool) -> HealthReport:
    from studio.data.health import HealthReport, examine

    found: HealthReport | None = None
    with ProgressLine(quiet) as line:
        for item in examine(result.image_set, result.report, result.origins, result.preparation, near=near):
            if isinstance(item, HealthReport):
                found = item
            else:
                _show(line, item, item.message[0].lower() + item.message[1:])
    assert found is not None
    return found


def _show(line: ProgressLine, progress: ImportProgress, words: str) -> None:
    line.show(words, progress.done / progress.total if progress.total else None, f"{progress.done:,} done")


def _options(arguments: argparse.Namespace) -> ScanOptions:
    from studio.data.sources.source import ScanOptions

    film_frames = arguments.frames == "all"
    if arguments.sheet is None:
        return ScanOptions(film_frames=film_frames)
    # A grid belongs to a picture, so the pictures have to be known before they are cut.
    sizes = _sheet_sizes(arguments.data)
    return ScanOptions(
        sheets=tuple((name, _grid(arguments.sheet, size)) for name, size in sizes.items()), film_frames=film_frames
    )


def _sheet_sizes(data: Path) -> dict[str, tuple[int, int]]:
    """(width, height) of every picture that looks like a sheet, by name; of every picture when none does."""
    from studio.data.scanning import scan
    from studio.data.sources.source import Catalog

    with contextlib.closing(scan([data])) as items:
        for item in items:
            if isinstance(item, Catalog):
                with contextlib.closing(item) as catalog:
                    return {sheet.name: sheet.size for sheet in catalog.sheets} or dict(_pictures(catalog))
    raise AssertionError("a scan ends with a catalog")


def _pictures(catalog: Catalog) -> list[tuple[str, tuple[int, int]]]:
    return [(source.name(number), source.size(number)) for source in catalog.sources for number in range(source.count)]


def _grid(wish: tuple[str, int, int], size: tuple[int, int]) -> SheetGrid | None:
    """The grid that `--sheet` wishes for a sheet of this (width, height)."""
    from studio.data.sources.source import SheetGrid
    from studio.errors import SettingsError

    kind, across, down = wish
    if kind == "whole":
        return None
    cell = (across, down) if kind == "pixels" else (size[0] // across, size[1] // down)
    if not 0 < cell[0] <= size[0] or not 0 < cell[1] <= size[1]:
        raise SettingsError(
            f"A sheet of {size[0]} × {size[1]} pixels cannot be cut like that.",
            "Give columns and rows as 8x4, or the size of a cell as 16x16px.",
        )
    return SheetGrid(cell)
