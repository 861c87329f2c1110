"""From whatever was dropped to one ImageSet and its report: looking and preparing in one go, for scripts.

`import_images` is a generator, so that the caller owns the loop: it shows the progress, and cancels by closing it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from studio.data.fitting import check_wishes
from studio.data.preparation import Preparation
from studio.data.preparing import ImportResult, prepare
from studio.data.progress import ImportProgress
from studio.data.scanning import scan
from studio.data.sources.source import Catalog, ScanOptions


def import_images(
    paths: Path | str | Sequence[Path | str],
    *,
    size: int | None = None,
    channels: int | None = None,
    name: str | None = None,
    preparation: Preparation | None = None,
    options: ScanOptions | None = None,
    store: Path | None = None,
) -> Iterator[ImportProgress | ImportResult]:
    """Import files and folders; yields ImportProgress many times, and ImportResult once, last.

    `paths` are all that `scanning.scan` takes, looked at with `options`; `preparation` says how they become a set, and
    `store` where a large one lies, see `preparing.prepare`. `size` and `channels`, when given, stand for the same
    fields of the preparation, the pictures being `size` × `size`. The result depends on the files alone, not on the
    machine; its catalog is closed.

    Raises DataError when nothing usable was found, SettingsError for an impossible `size` or `channels`, StorageError
    when the disk has no room.
    """
    check_wishes(size, channels)
    wished = preparation or Preparation()
    if size is not None:
        wished = dataclasses.replace(wished, size=(size, size))
    if channels is not None:
        wished = dataclasses.replace(wished, channels=channels)
    return _import(paths, name, wished, options or ScanOptions(), store)


def load_images(
    paths: Path | str | Sequence[Path | str],
    *,
    size: int | None = None,
    channels: int | None = None,
    name: str | None = None,
    preparation: Preparation | None = None,
    options: ScanOptions | None = None,
    store: Path | None = None,
) -> ImportResult:
    """`import_images` run to its end. Raises the same errors."""
    for event in import_images(
        paths, size=size, channels=channels, name=name, preparation=preparation, options=options, store=store
    ):
        if isinstance(event, ImportResult):
            return event
    raise AssertionError("an import ends with a result or an error")


def _import(
    paths: Path | str | Sequence[Path | str],
    name: str | None,
    preparation: Preparation,
    options: ScanOptions,
    store: Path | None,
) -> Iterator[ImportProgress | ImportResult]:
    with contextlib.closing(scan(paths, options, name=name)) as events:
        for event in events:
            if isinstance(event, Catalog):
                with contextlib.closing(event) as catalog:
                    yield from prepare(catalog, preparation, store=store)
            else:
                yield event
