"""From whatever was dropped to a catalog of its pictures: nothing is in memory yet, everything can be looked at.

`scan` is a generator, so that the caller owns the loop: it shows the progress, and cancels by dropping it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from studio.data.progress import ImportProgress
from studio.data.report import SkippedFile
from studio.data.sources import idx_records as idx
from studio.data.sources import numpy_records as numpy_files
from studio.data.sources.account import Account
from studio.data.sources.arrays import Opened, ReadProgress
from studio.data.sources.decoding import look_at, picture_suffixes
from studio.data.sources.entry import Entry, Shelf
from studio.data.sources.files import FileSource
from studio.data.sources.folder import DiskShelf, FoundFile, ScanProgress, find_files
from studio.data.sources.source import Catalog, PictureSource, ScanOptions, UnreadableError
from studio.errors import DataError

REMEDY = "Choose a folder of pictures (PNG, JPEG, …), IDX files or an .npz file with an array called images."
_PROGRESS_EVERY = 16


def scan(
    paths: Path | str | Sequence[Path | str], options: ScanOptions | None = None, *, name: str | None = None
) -> Iterator[ImportProgress | Catalog]:
    """Look through files and folders; yields ImportProgress many times, and a Catalog once, last.

    `paths` may be folders of pictures, picture files, IDX files (plain or gzipped) and NumPy files. IDX files win over
    pictures beside them, pictures over NumPy files; what was passed over is in the catalog. `name` is the title. The
    catalog holds open files: whoever takes it closes it.

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
        self._class_names: list[str] = []

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
            yield from self._shelf(shelf)
            if not any(source.count for source in self._sources):
                nothing_usable(self._source, self._account.skipped)
            catalog = self._catalog()
            complete = True
        finally:
            if not complete:
                for source in self._sources:
                    source.close()
        yield catalog

    @property
    def _source(self) -> str:
        return str(self._dropped[0]) if len(self._dropped) == 1 else f"{len(self._dropped)} files and folders"

    def _catalog(self) -> Catalog:
        return Catalog(
            title=self._title,
            dropped=self._source,
            sources=tuple(self._sources),
            skipped=self._account.skipped,
            notes=tuple(self._account.notes),
            class_names=tuple(self._class_names),
            options=self._options,
        )

    def _skip(self, entry: Entry, reason: str) -> None:
        self._account.skip(entry.shown, reason)

    # What is taken of files that lie side by side

    def _shelf(self, shelf: Shelf) -> Iterator[ImportProgress]:
        """Take what is to be taken of a shelf: IDX files before pictures, pictures before NumPy files."""
        idx_files: list[Entry] = []
        arrays: list[Entry] = []
        others: list[int] = []
        for position, name in enumerate(shelf.names):
            if numpy_files.is_npz(name) or numpy_files.is_npy(name):
                arrays.append(shelf[position])
            elif idx.looks_like_idx(name) or self._is_idx_pointed_at(shelf, position):
                idx_files.append(shelf[position])
            else:
                others.append(position)
        if (yield from self._idx(idx_files)):
            for entry in arrays:
                self._skip(entry, "beside IDX files")
            for position in others:
                self._account.skip(shelf.shown(position), "beside IDX files")
            return
        if any(_is_picture_name(shelf.names[position]) for position in others):
            for entry in arrays:
                self._skip(entry, "an array file among pictures; choose it alone to import it")
        elif (yield from self._arrays(arrays)):
            for position in others:
                self._account.skip(shelf.shown(position), "beside an array file")
            return
        yield from self._pictures(shelf, others)

    def _is_idx_pointed_at(self, shelf: Shelf, position: int) -> bool:
        # Only what a person pointed at is opened to see; a folder may hold a million other files.
        if shelf.folders(position) or _is_picture_name(shelf.names[position]):
            return False
        entry = shelf[position]
        return isinstance(entry, FoundFile) and entry.path in self._pointed_at and idx.is_idx_images(entry)

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

    def _arrays(self, found: list[Entry]) -> Generator[ImportProgress, None, bool]:
        """Whether a NumPy file was taken."""
        for position, entry in enumerate(found):
            opening = numpy_files.open_npz if numpy_files.is_npz(entry.name) else numpy_files.open_npy
            opened = yield from self._opened(entry, opening(entry))
            if opened is not None:
                for other in found[position + 1 :]:
                    self._skip(other, f"{entry.shown} was taken; one array file makes one set")
                self._take(opened)
                return True
        return False

    def _opened(
        self, entry: Entry, opening: Generator[ReadProgress, None, Opened]
    ) -> Generator[ImportProgress, None, Opened | None]:
        try:
            while True:
                try:
                    progress = next(opening)
                except StopIteration as end:
                    return end.value
                yield ImportProgress(progress.done, progress.total, entry.shown, "Reading")
        except UnreadableError as error:
            self._skip(entry, str(error))
            return None
        finally:
            opening.close()

    def _take(self, opened: Opened) -> None:
        self._sources.append(opened.source)
        for note in opened.notes:
            self._account.note(note)
        self._class_names += [name for name in opened.source.class_names if name not in self._class_names]

    # Files of one picture

    def _pictures(self, shelf: Shelf, positions: Sequence[int]) -> Iterator[ImportProgress]:
        source = FileSource(shelf)
        self._sources.append(source)
        for done, position in enumerate(positions):
            entry = shelf[position]
            if done % _PROGRESS_EVERY == 0:
                yield ImportProgress(done, len(positions), entry.shown, "Measuring pictures")
            try:
                with entry.open() as file:
                    look = look_at(file, entry.name)
            except UnreadableError as error:
                self._skip(entry, str(error))
                continue
            source.add(position, look.size)


def _is_picture_name(name: str) -> bool:
    stem, dot, ending = name.rpartition(".")
    return bool(dot and stem) and f".{ending.lower()}" in picture_suffixes()


def _name_of(dropped: list[Path]) -> str:
    if not dropped:
        return ""
    first = dropped[0].absolute()
    if len(dropped) == 1 and first.is_dir():
        return first.name or str(first)
    if idx.looks_like_idx(first.name) or len(dropped) > 1:
        return first.parent.name or first.stem
    return first.stem
