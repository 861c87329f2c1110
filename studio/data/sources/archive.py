"""What ZIP and TAR have in common: members with names that are not to be trusted, read in memory, never unpacked."""

from __future__ import annotations

import io
import re
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from studio.data.limits import MAX_FOLDER_DEPTH, MAX_MEMBERS, MAX_SPOOL_IN_MEMORY
from studio.data.sources.account import Account
from studio.data.sources.entry import Entry, Shelf, natural_key, printable, reading, suffix_of
from studio.data.sources.folder import is_litter
from studio.data.sources.packing import CHUNK
from studio.data.sources.source import UnreadableError
from studio.data.sources.spool import spooled

_TAR_NAME = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz|zst))$", re.IGNORECASE)
_ZIP_SUFFIXES = frozenset({".zip", ".cbz"})
_OTHER_SUFFIXES = frozenset({".7z", ".rar", ".cbr", ".gz", ".bz2", ".xz", ".zst"})
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_NAME = 1024


def stretch(file: BinaryIO, start: int, byte_count: int) -> Iterator[bytes]:
    """`byte_count` bytes of `file` from `start` on, in pieces of at most `CHUNK`; others may read it in between.

    Raises UnreadableError when it ends before.
    """
    with reading():
        while byte_count:
            file.seek(start)
            piece = file.read(min(CHUNK, byte_count))
            if not piece:
                raise UnreadableError("cut off: the end is missing")
            start += len(piece)
            byte_count -= len(piece)
            yield piece


def is_zip(name: str) -> bool:
    """Whether a file's name says that it is a ZIP archive."""
    return suffix_of(name) in _ZIP_SUFFIXES


def is_tar(name: str) -> bool:
    """Whether a file's name says that it is a TAR archive, packed or not."""
    return _TAR_NAME.search(name) is not None


def is_archive(name: str) -> bool:
    """Whether a file's name says that it is an archive or packed, readable here or not."""
    return is_zip(name) or is_tar(name) or suffix_of(name) in _OTHER_SUFFIXES


def stem_of(name: str) -> str:
    """The name of an archive without its endings."""
    return _TAR_NAME.sub("", name) if is_tar(name) else name.rpartition(".")[0] or name


def member_parts(name: str, home: str = "the archive") -> tuple[str, ...]:
    """The folders and the name that a path consists of which was found in a file.

    Raises UnreadableError for a path which leads out of `home`, or is none.
    """
    if "\0" in name:
        raise UnreadableError("its name holds a zero byte")
    if len(name) > _MAX_NAME:
        raise UnreadableError("its name is too long")
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise UnreadableError(f"its path begins outside of {home}")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise UnreadableError(f"its path leads out of {home}")
    if not parts:
        raise UnreadableError("it has no name")
    if len(parts) > MAX_FOLDER_DEPTH + 1:
        raise UnreadableError(f"nested more than {MAX_FOLDER_DEPTH} folders deep")
    return parts


@dataclass(frozen=True)
class Member(Entry):
    """A file in an archive."""

    shelf: ArchiveShelf
    index: int

    @property
    def shown(self) -> str:  # type: ignore[override]
        return self.shelf.shown(self.index)

    @property
    def folders(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.shelf.folders(self.index)

    @property
    def name(self) -> str:
        return self.shelf.names[self.index]

    def byte_count(self) -> int:
        return self.shelf.byte_count(self.index)

    def open(self) -> BinaryIO:
        return self.shelf.open(self.index)

    def stamp(self) -> str:
        return f"{self.shelf.stamp(())} {self.shown}"

    def head(self, byte_count: int) -> bytes:
        content = b""
        with closing(self.shelf.chunks(self.index)) as chunks:
            for chunk in chunks:
                content += chunk
                if len(content) >= byte_count:
                    break
        return content[:byte_count]

    def sibling(self, name: str) -> Member | None:
        found = self.shelf.find(self.folders, name)
        return None if found is None else Member(self.shelf, found)


class ArchiveShelf(Shelf):
    """The files of one archive, once `take` was told of them all and `finish` was called."""

    def __init__(self, entry: Entry, folders: tuple[str, ...], account: Account) -> None:
        """`folders`: what goes before the folders of every member; `account`: told of what is left out."""
        super().__init__()
        self._entry = entry
        self._prefix = folders
        self._account = account
        self._seen: set[int] = set()
        self._seen_folded: set[int] = set()
        self._twins = 0

    def __getitem__(self, index: int) -> Member:  # type: ignore[override]
        if not 0 <= index < len(self.names):
            raise IndexError(index)
        return Member(self, index)

    @abstractmethod
    def byte_count(self, index: int) -> int:
        """How long the file is once it is unpacked, as the archive promises."""

    @abstractmethod
    def chunks(self, index: int) -> Iterator[bytes]:
        """The file's content in pieces. Raises UnreadableError, at the latest at its end when it is damaged."""

    def open(self, index: int) -> BinaryIO:
        """The file's whole content. Raises UnreadableError."""
        byte_count = self.byte_count(index)
        if byte_count == 0:
            raise UnreadableError("empty")
        if byte_count <= MAX_SPOOL_IN_MEMORY:
            return io.BytesIO(b"".join(self.chunks(index)))
        return spooled(self.chunks(index), self.packed_bytes(index))

    def stamp(self, positions: Sequence[int]) -> str:
        return self._entry.stamp()

    def packed_bytes(self, index: int) -> int:
        """How many bytes the file takes in the archive."""
        return self.byte_count(index)

    def _take(self, name: str) -> bool:
        """Whether a file of this path inside of the archive is taken; it is on the shelf then, or in the account."""
        try:
            parts = member_parts(name)
        except UnreadableError as error:
            self._leave(name, str(error))
            return False
        if any(is_litter(part) for part in parts):
            return False
        if any(part.startswith(".") for part in parts):
            self._leave(name, "hidden")
            return False
        key = hash(parts)
        if key in self._seen:
            self._leave(name, "a second file of the same name")
            return False
        self._seen.add(key)
        folded = hash("/".join(parts).casefold())
        self._twins += folded in self._seen_folded
        self._seen_folded.add(folded)
        self._put((*self._prefix, *parts[:-1]), parts[-1])
        return True

    def _leave(self, name: str, reason: str) -> None:
        shown = printable(name if len(name) <= _MAX_NAME else f"{name[:80]}…")
        self._account.skip(f"{self._entry.shown}/{shown}", reason)

    def _is_full(self) -> bool:
        if len(self.names) < MAX_MEMBERS:
            return False
        self._account.skip(self._entry.shown, f"only the first {MAX_MEMBERS:,} files in it are looked at")
        return True

    def in_order(self) -> array[int]:
        """The numbers of all files as people expect them: by folder, in natural order."""
        rank = {
            number: position
            for position, number in enumerate(
                sorted(range(len(self._folders)), key=lambda number: tuple(map(natural_key, self._folders[number])))
            )
        }
        numbers = self._folder_numbers
        return array(
            "I", sorted(range(len(self)), key=lambda index: (rank[numbers[index]], natural_key(self.names[index])))
        )

    def _finish(self) -> None:
        self._seen.clear()
        self._seen_folded.clear()
        if self._twins:
            self._account.note(
                f"{self._twins:,} names in {self._entry.shown} differ from another only in upper and lower case; "
                "they were taken as different pictures."
            )
