"""From whatever was dropped to a catalog of its pictures: nothing is in memory yet, everything can be looked at.

`scan` is a generator, so that the caller owns the loop: it shows the progress, and cancels by dropping it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from studio.data.limits import MAX_CLASSES, MAX_TABLES
from studio.data.progress import ImportProgress
from studio.data.report import SkippedFile
from studio.data.sources import archive, cifar, idx, parquet
from studio.data.sources import numpy_arrays as arrays
from studio.data.sources.account import Account
from studio.data.sources.arrays import Opened, ReadProgress
from studio.data.sources.decoding import picture_suffixes
from studio.data.sources.entry import Entry, Shelf, suffix_of
from studio.data.sources.files import Labels
from studio.data.sources.folder import DiskShelf, FoundFile, ScanProgress, find_files
from studio.data.sources.measuring import Measuring
from studio.data.sources.records import RecordSource
from studio.data.sources.sorting import Sorted, sort
from studio.data.sources.source import (
    Catalog,
    FilmFound,
    PictureSource,
    ScanOptions,
    SheetFound,
    UnreadableError,
)
from studio.data.sources.table import read_table, rows_on_disk, rows_on_shelf
from studio.data.sources.tar_archive import open_tar
from studio.data.sources.zip_archive import open_zip
from studio.errors import DataError

REMEDY = (
    "Choose pictures (PNG, JPEG, …), a folder or an archive (ZIP, TAR) of them, IDX or NumPy files, CIFAR's binary "
    "batches, a Parquet table, or a CSV file of paths and classes."
)
_Found = TypeVar("_Found")


def scan(
    paths: Path | str | Sequence[Path | str], options: ScanOptions | None = None, *, name: str | None = None
) -> Iterator[ImportProgress | Catalog]:
    """Look through files and folders; yields ImportProgress many times, and a Catalog once, last.

    `paths` may be folders, picture files, archives (ZIP, TAR), IDX files (plain or gzipped), NumPy files, CIFAR's
    binary batches, Parquet tables, and tables (CSV) of paths and classes. Where several kinds lie side by side one set
    is meant: IDX files win over CIFAR's batches, these over Parquet tables, these over pictures, pictures over NumPy
    files, and all of them over archives that nobody pointed at. What was passed over is in the catalog.
    `name` is the title. The catalog holds open files: whoever takes it closes it.

    Raises DataError when nothing usable was found.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    dropped = list(dict.fromkeys(Path(path) for path in given))
    return _Scan(dropped, options or ScanOptions(), name).run()


def nothing_usable(dropped: str, skipped: Sequence[SkippedFile]) -> NoReturn:
    """Raises the DataError for `dropped` (a path or a description) of which all was left out."""
    if not skipped:
        raise DataError(f"{dropped} holds no pictures.", REMEDY)
    first = skipped[0]
    if len(skipped) == 1:
        raise DataError(f"{first.path} cannot be used: {first.reason}.", REMEDY)
    raise DataError(
        f"None of the {len(skipped):,} files in {dropped} can be used; {first.path}, say: {first.reason}.", REMEDY
    )


class _Scan:
    """One look through: what was wished, and the account that is kept of it."""

    def __init__(self, dropped: list[Path], options: ScanOptions, name: str | None) -> None:
        self._dropped = dropped
        self._pointed_at = frozenset(dropped)
        self._options = options
        self._title = name or _name_of(dropped)
        self._account = Account()
        self._sources: list[PictureSource] = []
        self._sheets: list[SheetFound] = []
        self._films: list[FilmFound] = []
        self._class_names: list[str] = []
        self._prefixes: set[tuple[str, ...]] = set()

    def run(self) -> Iterator[ImportProgress | Catalog]:
        if not self._dropped:
            raise DataError("Nothing was chosen.", REMEDY)
        complete = False
        try:
            shelf = DiskShelf()
            for event in find_files(self._dropped):
                match event:
                    case FoundFile():
                        shelf.add(event)
                    case SkippedFile():
                        self._account.skip(event.path, event.reason)
                    case ScanProgress(found, folder):
                        yield ImportProgress(found, None, folder, "Looking for pictures")
            yield from self._disk(shelf)
            if not self._sources:
                nothing_usable(self._source, self._account.skipped)
            catalog = Catalog(
                title=self._title,
                dropped=self._source,
                sources=tuple(self._sources),
                skipped=self._account.skipped,
                notes=tuple(self._account.notes),
                sheets=tuple(self._sheets),
                films=tuple(self._films),
                class_names=tuple(self._class_names),
                options=self._options,
            )
            complete = True
        finally:
            if not complete:
                for source in self._sources:
                    source.close()
        yield catalog

    @property
    def _source(self) -> str:
        return str(self._dropped[0]) if len(self._dropped) == 1 else f"{len(self._dropped)} files and folders"

    def _skip(self, entry: Entry, reason: str) -> None:
        self._account.skip(entry.shown, reason)

    # The disk, and the archives on it

    def _disk(self, shelf: DiskShelf) -> Iterator[ImportProgress]:
        found = sort(shelf, self._is_idx_pointed_at)
        yield from self._take_shelf(shelf, found)
        taken = bool(self._sources)
        for entry in found.archives:
            if not archive.is_zip(entry.name) and not archive.is_tar(entry.name):
                self._skip(entry, "an archive; unpack it first")
            elif taken and not self._is_pointed_at(entry):
                self._skip(entry, "an archive beside what was taken; choose it alone to import it")
            else:
                yield from self._archive(entry)

    def _is_pointed_at(self, entry: Entry) -> bool:
        return isinstance(entry, FoundFile) and entry.path in self._pointed_at

    def _is_idx_pointed_at(self, entry: Entry) -> bool:
        # Only what a person pointed at is opened to see; a folder may hold a million other files.
        return (
            self._is_pointed_at(entry) and suffix_of(entry.name) not in picture_suffixes() and idx.is_idx_images(entry)
        )

    def _archive(self, entry: Entry) -> Iterator[ImportProgress]:
        opening = open_zip if archive.is_zip(entry.name) else open_tar
        before = len(self._sources)
        left_out = self._account.count
        shelf = yield from self._opened(
            entry, opening(entry, self._prefix(entry), self._account), "Looking into the archive"
        )
        if shelf is None:
            return
        keep = False
        try:
            found = sort(shelf)
            for inner in found.archives:
                self._skip(inner, "an archive inside of an archive; unpack it first")
            yield from self._take_shelf(shelf, found)
            for source in self._sources[before:]:
                if isinstance(source, RecordSource):
                    source.hold()
            # Sources of arrays hold files of their own, the others read from the archive.
            keep = any(not isinstance(source, RecordSource) for source in self._sources[before:])
        except UnreadableError as error:
            self._skip(entry, str(error))
        finally:
            if not keep:
                shelf.close()
        if len(self._sources) == before and self._account.count == left_out:
            self._skip(entry, "an archive without pictures")

    def _prefix(self, entry: Entry) -> tuple[str, ...]:
        """The folders that the members of an archive are thought to lie in: its own name, unless it is all there is."""
        if self._dropped == [getattr(entry, "path", None)]:
            return ()
        prefix = (*entry.folders, archive.stem_of(entry.name))
        if prefix in self._prefixes:
            prefix = (*entry.folders, entry.name)
        self._prefixes.add(prefix)
        return prefix

    # What is taken of files that lie side by side

    def _take_shelf(self, shelf: Shelf, found: Sorted) -> Iterator[ImportProgress]:
        if (yield from self._idx(found.idx)):
            taken, beside = found.idx, "beside IDX files"
        elif (yield from self._cifar(found.cifar)):
            taken, beside = found.cifar, "beside CIFAR's batches"
        elif (yield from self._parquet(found.parquet)):
            taken, beside = found.parquet, "beside Parquet tables"
        elif not found.has_pictures and (yield from self._arrays(found.arrays)):
            taken, beside = found.arrays, "beside an array file"
        else:
            if found.has_pictures:
                for entry in found.arrays:
                    self._skip(entry, "an array file among pictures; choose it alone to import it")
            yield from self._pictures(shelf, found)
            return
        for entry in found.beside(taken):
            self._skip(entry, beside)
        for position in (*found.pictures, *found.captions):
            if not cifar.is_beside_batches(shelf.names[position]):
                self._account.skip(shelf.shown(position), beside)

    # Files of many pictures

    def _idx(self, found: list[Entry]) -> Generator[ImportProgress, None, bool]:
        """Whether IDX files were taken."""
        images = [entry for entry in found if idx.is_idx_images(entry)]
        if not images:
            # A labels file dropped alone means its pictures.
            images = list(dict.fromkeys(beside for entry in found if (beside := idx.images_beside(entry)) is not None))
        for entry in idx.order_of_preference(images):
            opened = yield from self._opened(entry, idx.open_idx(entry))
            if opened is not None:
                labels = idx.labels_beside(entry)
                used = {entry.shown, labels.shown if labels is not None else None}
                left = [other.shown for other in found if other.shown not in used]
                if left:
                    self._account.note(f"{entry.name} was taken; left for other uses: {', '.join(left)}.")
                self._take(opened)
                return True
        for entry in found:
            if entry not in images:
                self._skip(entry, "not an IDX file of pictures")
        return False

    def _cifar(self, found: list[Entry]) -> Generator[ImportProgress, None, bool]:
        """Whether batches of CIFAR were taken."""
        training = [entry for entry in found if not cifar.is_for_testing(entry)] or found
        taken = 0
        for entry in training:
            opened = yield from self._opened(entry, cifar.open_cifar(entry))
            if opened is not None:
                self._take(opened)
                taken += 1
        left = [entry.shown for entry in found if entry not in training]
        if taken and left:
            self._account.note(f"The batches for training were taken; left for other uses: {', '.join(left)}.")
        return taken > 0

    def _parquet(self, found: list[Entry]) -> Generator[ImportProgress, None, bool]:
        """Whether Parquet tables were taken."""
        training = [entry for entry in found if "train" in entry.name.casefold()] or found
        taken = 0
        for entry in training:
            table = yield from self._opened(entry, parquet.open_parquet(entry, self._account))
            if table is None:
                continue
            if table.count:
                self._sources.append(table)
                self._name_classes(table.class_names)
                taken += 1
            else:
                table.close()
        left = [entry.shown for entry in found if entry not in training]
        if taken and left:
            self._account.note(f"The tables for training were taken; left for other uses: {', '.join(left)}.")
        return taken > 0

    def _arrays(self, found: list[Entry]) -> Generator[ImportProgress, None, bool]:
        """Whether a NumPy file was taken."""
        found = sorted(found, key=lambda entry: arrays.is_labels_name(entry.name))
        for position, entry in enumerate(found):
            opened = yield from self._opened(
                entry, arrays.open_npz(entry) if arrays.is_npz(entry.name) else arrays.open_npy(entry)
            )
            if opened is not None:
                for other in found[position + 1 :]:
                    if not opened.used(other):
                        self._skip(other, f"{entry.shown} was taken; one array file makes one set")
                self._take(opened)
                return True
        return False

    def _opened(
        self, entry: Entry, opening: Generator[ReadProgress, None, _Found], message: str = "Reading"
    ) -> Generator[ImportProgress, None, _Found | None]:
        try:
            while True:
                try:
                    progress = next(opening)
                except StopIteration as end:
                    return end.value
                yield ImportProgress(progress.done, progress.total, entry.shown, message)
        except UnreadableError as error:
            self._skip(entry, str(error))
            return None
        finally:
            opening.close()

    def _take(self, opened: Opened) -> None:
        self._sources.append(opened.source)
        for note in opened.notes:
            self._account.note(note)
        self._name_classes(opened.source.class_names)

    def _name_classes(self, names: Sequence[str]) -> None:
        self._class_names += [name for name in names if name not in self._class_names]

    # Files of one picture

    def _pictures(self, shelf: Shelf, found: Sorted) -> Iterator[ImportProgress]:
        labels: Labels | None = None
        label_of: dict[int, int] = {}
        for number, entry in enumerate(found.tables):
            labels = labels or Labels()
            if number >= MAX_TABLES:
                self._skip(entry, f"only the first {MAX_TABLES} tables are read")
                continue
            try:
                table = read_table(entry, picture_suffixes())
                if not found.has_pictures and isinstance(entry, FoundFile):
                    named = DiskShelf()
                    numbers = dict(rows_on_disk(entry, table, named, labels, self._account))
                    yield from self._measure(
                        Measuring(named, range(len(named)), self._options, self._account, labels, numbers)
                    )
                    continue
                numbers = rows_on_shelf(entry, table, shelf, found.pictures, labels)
                if not numbers:
                    raise UnreadableError("a table that gives none of the pictures a class")
                self._account.note(f"{entry.shown} gives {len(numbers):,} pictures their classes.")
                label_of |= numbers
            except UnreadableError as error:
                self._skip(entry, str(error))
        if labels is not None and len(labels.names) > MAX_CLASSES:
            self._account.note(f"The tables name more than {MAX_CLASSES:,} classes, so they were not used.")
            label_of = {}
        if found.captions:
            self._account.note(f"{len(found.captions):,} text files beside pictures were passed over as captions.")
        yield from self._measure(
            Measuring(shelf, found.pictures, self._options, self._account, labels if label_of else None, label_of)
        )

    def _measure(self, measuring: Measuring) -> Iterator[ImportProgress]:
        yield from measuring.run()
        self._sources += measuring.measured.sources
        self._sheets += measuring.measured.sheets
        self._films += measuring.measured.films


def _name_of(dropped: list[Path]) -> str:
    if not dropped:
        return ""
    first = dropped[0].absolute()
    if len(dropped) == 1 and first.is_dir():
        return first.name or str(first)
    if idx.looks_like_idx(first.name) or cifar.looks_like_cifar(first.name) or len(dropped) > 1:
        return first.parent.name or first.stem
    return archive.stem_of(first.name) if archive.is_archive(first.name) else first.stem
