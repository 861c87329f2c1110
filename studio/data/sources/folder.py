"""Which files lie under what was dropped, in an order people expect, and which class the folders give each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.data.limits import MAX_FOLDER_DEPTH, MAX_FOLDER_ENTRIES
from studio.data.report import SkippedFile

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
class FoundFile:
    """A file to be looked at.

    Attributes:
        path: where it lies.
        shown: its path relative to what was dropped, with "/" between the parts, for reports.
        folders: the folders between what was dropped and the file; they may become its class.
    """

    path: Path
    shown: str
    folders: tuple[str, ...]


@dataclass(frozen=True)
class ScanProgress:
    """So many files were found so far; the search is now in `folder`."""

    found: int
    folder: str


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key by which "2.png" comes before "10.png", and case does not matter."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


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
            yield FoundFile(path, path.name, ())
        else:
            yield SkippedFile(path.name, "not an ordinary file" if path.exists() else "not there")


class _Search:
    def __init__(self) -> None:
        self._visited: set[tuple[int, int]] = set()
        self._entries = 0
        self._found = 0

    def folder(self, folder: Path, folders: tuple[str, ...]) -> Iterator[ScanProgress | FoundFile | SkippedFile]:
        shown = "/".join(folders) or folder.name
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._visited:
                return
            self._visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: natural_key(entry.name))
        except OSError as error:
            yield SkippedFile(shown, f"the folder cannot be listed: {error.strerror or error}")
            return
        if len(folders) > MAX_FOLDER_DEPTH:
            yield SkippedFile(shown, f"nested more than {MAX_FOLDER_DEPTH} folders deep")
            return
        yield ScanProgress(self._found, shown)
        subfolders = []
        for entry in listed:
            self._entries += 1
            if self._entries > MAX_FOLDER_ENTRIES:
                yield SkippedFile(shown, f"only the first {MAX_FOLDER_ENTRIES:,} entries are looked at")
                return
            if is_litter(entry.name):
                continue
            if entry.name.startswith("."):
                yield SkippedFile("/".join((*folders, entry.name)), "hidden")
                continue
            if _is(entry, os.DirEntry.is_dir):
                subfolders.append(entry)
            elif _is(entry, os.DirEntry.is_file):
                self._found += 1
                yield FoundFile(Path(entry.path), "/".join((*folders, entry.name)), folders)
            else:
                # Opening a pipe would wait for ever.
                yield SkippedFile(
                    "/".join((*folders, entry.name)), "not an ordinary file, or a link that leads nowhere"
                )
        for entry in subfolders:
            yield from self.folder(Path(entry.path), (*folders, entry.name))


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
