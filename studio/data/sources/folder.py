"""Which files lie under what was dropped, in an order people expect, and which class the folders give each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from studio.data.limits import MAX_FOLDER_DEPTH, MAX_FOLDER_ENTRIES
from studio.data.report import SkippedFile
from studio.data.sources.entry import Entry, Shelf, natural_key, open_file, printable, reading

_LITTER_NAMES = frozenset(
    {
        *(".ds_store", ".localized", ".fseventsd", ".spotlight-v100", ".trashes", "icon\r", "__macosx"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
        *(".directory", ".thumbnails", ".git", ".gitignore", ".gitattributes", ".gitkeep", "@eadir"),
        *(".ipynb_checkpoints", "__pycache__"),
    }
)
_SPLIT_NAMES = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})
UNSORTED = "(no class)"


@dataclass(frozen=True)
class FoundFile(Entry):
    """A file on the disk that is to be looked at.

    Attributes:
        path: where it lies.
        shown: its path relative to what was dropped, with "/" between the parts, for reports.
        folders: the folders between what was dropped and the file; they may become its class.
    """

    path: Path
    shown: str
    folders: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.name

    def byte_count(self) -> int:
        with reading():
            return self.path.stat().st_size

    def open(self) -> BinaryIO:
        return open_file(self.path)

    def stamp(self) -> str:
        try:
            status = self.path.stat()
        except OSError:
            return f"{printable(str(self.path.absolute()))} gone"
        return f"{printable(str(self.path.absolute()))} {status.st_size} {status.st_mtime_ns}"

    def place(self) -> tuple[str, ...]:
        return self.path.resolve().parent.parts

    def sibling(self, name: str) -> FoundFile | None:
        path = self.path.with_name(name)
        return FoundFile(path, printable("/".join((*self.folders, name))), self.folders) if path.is_file() else None


class DiskShelf(Shelf):
    """Files on the disk."""

    def __init__(self) -> None:
        super().__init__()
        # Loose files of one drop may come from several places.
        self._places: dict[tuple[str, ...], Path] = {}
        self._elsewhere: dict[int, Path] = {}

    def add(self, file: FoundFile) -> None:
        """Remember a file."""
        parent = file.path.parent
        if self._places.setdefault(file.folders, parent) != parent:
            self._elsewhere[len(self)] = parent
        # Paths intern their parts, which costs more than a name itself; this string is a new one.
        self._put(file.folders, str(file.path).rpartition(os.sep)[2])

    def __getitem__(self, index: int) -> FoundFile:  # type: ignore[override]
        folders = self.folders(index)
        place = self._elsewhere.get(index) or self._places[folders]
        return FoundFile(place / self.names[index], self.shown(index), folders)


@dataclass(frozen=True)
class ScanProgress:
    """So many files were found so far; the search is now in `folder`."""

    found: int
    folder: str


def is_litter(name: str) -> bool:
    """Whether operating systems and tools leave files or folders of this name behind; nobody means to import them."""
    return name.startswith(("._", ".~")) or name.casefold() in _LITTER_NAMES


def find_files(paths: Sequence[Path]) -> Iterator[ScanProgress | FoundFile | SkippedFile]:
    """All files that `paths` (files and folders) lead to, in natural order, folders after the files beside them.

    Links to folders are followed, each folder once, so loops end. Litter is passed over in silence; what cannot be
    listed comes out as a SkippedFile.
    """
    several = len(paths) > 1
    search = _Search()
    for path in paths:
        if path.is_dir():
            yield from search.folder(path, (path.name,) if several else ())
        elif path.is_file():
            yield FoundFile(path, printable(path.name), ())
        else:
            yield SkippedFile(printable(path.name), "not an ordinary file" if path.exists() else "not there")


class _Search:
    def __init__(self) -> None:
        self._visited: set[tuple[int, int]] = set()
        self._entries = 0
        self._found = 0

    def folder(self, folder: Path, folders: tuple[str, ...]) -> Iterator[ScanProgress | FoundFile | SkippedFile]:
        shown = printable("/".join(folders) or folder.name)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._visited:
                return
            self._visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                listed = _Listing(entries, MAX_FOLDER_ENTRIES - self._entries)
        except OSError as error:
            yield SkippedFile(shown, f"the folder cannot be listed: {error.strerror or error}")
            return
        if len(folders) > MAX_FOLDER_DEPTH:
            yield SkippedFile(shown, f"nested more than {MAX_FOLDER_DEPTH} folders deep")
            return
        yield ScanProgress(self._found, shown)
        self._entries += listed.count
        for name in listed.hidden:
            yield SkippedFile(printable("/".join((*folders, name))), "hidden")
        for name in listed.others:
            # Opening a pipe would wait for ever.
            yield SkippedFile(
                printable("/".join((*folders, name))), "not an ordinary file, or a link that leads nowhere"
            )
        for name in listed.files:
            self._found += 1
            yield FoundFile(folder / name, printable("/".join((*folders, name))), folders)
        if listed.cut_off:
            yield SkippedFile(shown, f"only the first {MAX_FOLDER_ENTRIES:,} entries are looked at")
            return
        for name in listed.folders:
            yield from self.folder(folder / name, (*folders, name))


class _Listing:
    """What lies in one folder, by kind and in natural order; names alone, since there may be a million."""

    def __init__(self, entries: Iterable[os.DirEntry[str]], most: int) -> None:
        self.files: list[str] = []
        self.folders: list[str] = []
        self.hidden: list[str] = []
        self.others: list[str] = []
        self.count = 0
        self.cut_off = False
        for entry in entries:
            if self.count >= most:
                self.cut_off = True
                break
            self.count += 1
            if not is_litter(entry.name):
                self._kind(entry).append(entry.name)
        for names in (self.files, self.folders, self.hidden, self.others):
            names.sort(key=lambda name: (natural_key(name), name))

    def _kind(self, entry: os.DirEntry[str]) -> list[str]:
        if entry.name.startswith("."):
            return self.hidden
        if _is(entry, os.DirEntry.is_dir):
            return self.folders
        return self.files if _is(entry, os.DirEntry.is_file) else self.others


def _is(entry: os.DirEntry[str], kind: Callable[[os.DirEntry[str]], bool]) -> bool:
    # Links that lead round to themselves raise.
    try:
        return kind(entry)
    except OSError:
        return False


@dataclass(frozen=True)
class FolderClasses:
    """What folders say about classes.

    Attributes:
        labels: one index into `class_names` per file, or None when the folders tell no classes apart.
        class_names: in natural order.
        notes: how the folders were read, where that is not plain.
    """

    labels: tuple[int, ...] | None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def classes_from_folders(folders: Sequence[tuple[str, ...]]) -> FolderClasses:
    """The classes of pictures which lie in these folders (one tuple of folder names per picture).

    The first level with two or more different folders names the classes. A level of "train", "test" and the like is
    passed over. Pictures beside the class folders become a class of their own.
    """
    notes: list[str] = []
    level = 0
    while True:
        names = {parts[level] for parts in folders if len(parts) > level}
        some_beside = any(len(parts) <= level for parts in folders)
        if not names or (some_beside and len(names) == 1):
            return FolderClasses(None, notes=tuple(notes))
        if not some_beside and {name.casefold() for name in names} <= _SPLIT_NAMES:
            if len(names) > 1:
                notes.append(f"The folders {_listed(names)} were taken together as one set.")
        elif len(names) > 1:
            break
        level += 1
    class_names = sorted(names, key=lambda name: (natural_key(name), name))
    if some_beside:
        notes.append(f"Pictures beside the class folders became the class {UNSORTED}.")
        class_names.append(UNSORTED)
    index = {name: position for position, name in enumerate(class_names)}
    labels = tuple(index[parts[level] if len(parts) > level else UNSORTED] for parts in folders)
    return FolderClasses(labels, tuple(class_names), tuple(notes))


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:-1]) + " and " + ordered[-1]
