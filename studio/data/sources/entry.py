"""A file that may hold pictures, wherever it lies: on the disk, or inside of an archive."""

from __future__ import annotations

import hashlib
import re
import stat
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from studio.data.sources.source import UnreadableError

_DIGITS = re.compile("([0-9]+)")


def natural_key(name: str) -> str:
    """A sorting key by which "2.png" comes before "10.png", and case does not matter."""
    # Every number is led by a character below all others and by how many digits it has. Plain text, since the keys of
    # a million names have to fit into memory side by side.
    return _DIGITS.sub(_number_key, name.casefold())


def _number_key(found: re.Match[str]) -> str:
    digits = found[0].lstrip("0")
    return f"\0{chr(min(len(digits), 0xD7FF))}{digits}"


def printable(name: str) -> str:
    """A name that can be shown and written anywhere: what has no sign of its own is spelled out ("\\x1b")."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


class Entry(ABC):
    """A file to be looked at.

    Attributes:
        shown: its path relative to what was dropped, with "/" between the parts, for reports.
        folders: the folders between what was dropped and the file; they may become its class.
    """

    shown: str
    folders: tuple[str, ...]

    @property
    @abstractmethod
    def name(self) -> str:
        """The last part of its path."""

    @property
    def suffix(self) -> str:
        """The ending of its name, lower case with the dot; empty without one."""
        return suffix_of(self.name)

    @abstractmethod
    def byte_count(self) -> int:
        """How long the file is, as its header says. Raises UnreadableError."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """The file from its beginning; any place of it can be sought. Raises UnreadableError."""

    @abstractmethod
    def sibling(self, name: str) -> Entry | None:
        """The file of that name in the same folder, or None."""

    @abstractmethod
    def stamp(self) -> str:
        """Where it is, how long, and when it was last changed, in a form that can be written and compared."""

    def place(self) -> tuple[str, ...]:
        """All folders that it lies in, as far as they are known: their names may tell which set this is."""
        return self.folders

    def head(self, byte_count: int) -> bytes:
        """The first bytes of the file, fewer when it is shorter. Raises UnreadableError."""
        with self.open() as file, reading():
            return file.read(byte_count)


class reading:  # noqa: N801 - used like a function
    """A context in which what the system says about a file becomes an UnreadableError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise UnreadableError(system_reason(error)) from error


def system_reason(error: OSError) -> str:
    """What the operating system says about a file, in words for the person who brought it."""
    match error:
        case PermissionError():
            return "no permission to read it"
        case FileNotFoundError():
            return "gone, or points to a file that is gone"
    return f"cannot be read: {error.strerror or error}"


def open_file(path: Path) -> BinaryIO:
    """An ordinary file that is not empty, opened for reading. Raises UnreadableError."""
    with reading():
        status = path.stat()
        # Opening a pipe would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not an ordinary file")
        if status.st_size == 0:
            raise UnreadableError("empty")
        return path.open("rb")


def suffix_of(name: str) -> str:
    """The ending of a file's name, lower case with the dot; empty without one."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def hash_of(numbers: array[int]) -> str:
    """A digest of many numbers."""
    return hashlib.sha256(numbers).hexdigest()


class Shelf(Sequence[Entry]):
    """Many files, remembered in few bytes each: a name, and the number of the folder it lies in."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._folder_numbers = array("I")
        self._folders: list[tuple[str, ...]] = []
        self._number_of: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def __getitem__(self, index: int) -> Entry:  # type: ignore[override]
        """The file of this number."""

    def folders(self, index: int) -> tuple[str, ...]:
        """The folders between what was dropped and the file."""
        return self._folders[self._folder_numbers[index]]

    def shown(self, index: int) -> str:
        """Its path relative to what was dropped."""
        return printable("/".join((*self.folders(index), self.names[index])))

    def find(self, folders: tuple[str, ...], name: str) -> int | None:
        """The number of the file of that name in that folder."""
        number = self._number_of.get(folders)
        start = 0
        while number is not None:
            try:
                start = self.names.index(name, start)
            except ValueError:
                return None
            if self._folder_numbers[start] == number:
                return start
            start += 1
        return None

    def in_order(self) -> Sequence[int]:
        """The numbers of all files as people expect them."""
        return range(len(self))

    def stamp(self, positions: Sequence[int]) -> str:
        """What changes when one of these files changes."""
        digest = hashlib.sha256()
        for position in positions:
            digest.update(self[position].stamp().encode())
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of what is open."""

    def _put(self, folders: tuple[str, ...], name: str) -> None:
        number = self._number_of.setdefault(folders, len(self._folders))
        if number == len(self._folders):
            self._folders.append(folders)
        self._folder_numbers.append(number)
        self.names.append(name)
