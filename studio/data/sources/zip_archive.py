"""ZIP archives (APPNOTE.TXT 6.3.10), with their 64-bit extension: the directory at the end, then any member at once.

Read here rather than by the standard library's module, which keeps a kilobyte for every member, and believes members
that lie on top of each other (Fifield, "A better zip bomb", 2019).
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from studio.data.limits import MAX_UNPACKED_RATIO, MEMBER_RATIO_FROM, UNPACKED_RATIO_FROM
from studio.data.sources.account import Account
from studio.data.sources.archive import ArchiveShelf, stretch
from studio.data.sources.arrays import ReadProgress
from studio.data.sources.entry import Entry, reading
from studio.data.sources.packing import unpack
from studio.data.sources.source import UnreadableError

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 65535
_METHODS = {0: "", 8: "deflate", 12: "bz2"}
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF_8 = 0x0800
_UNIX = 3
_PROGRESS_EVERY = 4096


def open_zip(entry: Entry, folders: tuple[str, ...], account: Account) -> Generator[ReadProgress, None, ZipShelf]:
    """The files in a ZIP archive; what cannot be taken of it goes into the account.

    Raises UnreadableError when it is damaged or a decompression bomb. The caller closes it.
    """
    shelf = ZipShelf(entry, folders, account)
    try:
        yield from shelf.fill()
        return shelf
    except BaseException:
        shelf.close()
        raise


@dataclass(frozen=True)
class Directory:
    """Where the central directory lies.

    Attributes:
        start: its first byte.
        byte_count: its length.
        shift: what is to be added to every offset, because something was put before the archive.
    """

    start: int
    byte_count: int
    shift: int


class ZipShelf(ArchiveShelf):
    """The files of a ZIP archive."""

    def __init__(self, entry: Entry, folders: tuple[str, ...], account: Account) -> None:
        super().__init__(entry, folders, account)
        self._file = entry.open()
        self._offsets = array("Q")
        self._packed = array("Q")
        self._unpacked = array("Q")
        self._checksums = array("L")
        self._methods = array("B")
        self._refused: dict[int, str] = {}

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()

    def byte_count(self, index: int) -> int:
        return self._unpacked[index]

    def packed_bytes(self, index: int) -> int:
        return self._packed[index]

    def fill(self) -> Iterator[ReadProgress]:
        """Read the directory."""
        with reading():
            directory = find_directory(self._file)
            self._file.seek(directory.start)
            done = count = 0
            while done < directory.byte_count and not self._is_full():
                done += self._list_one(directory)
                count += 1
                if count % _PROGRESS_EVERY == 0:
                    yield ReadProgress(done, directory.byte_count)
        self._refuse_overlaps()
        total = sum(self._unpacked)
        if total > UNPACKED_RATIO_FROM and total > MAX_UNPACKED_RATIO * directory.start:
            raise UnreadableError(f"a decompression bomb: unpacks to more than {MAX_UNPACKED_RATIO} times its size")
        self._finish()

    def chunks(self, index: int) -> Iterator[bytes]:
        if index in self._refused:
            raise UnreadableError(self._refused[index])
        promised, packed = self._unpacked[index], self._packed[index]
        if promised > MEMBER_RATIO_FROM and promised > MAX_UNPACKED_RATIO * packed:
            raise UnreadableError(f"a decompression bomb: unpacks to more than {MAX_UNPACKED_RATIO} times its size")
        with reading():
            self._file.seek(self._offsets[index])
            header = self._file.read(_LOCAL.size)
            if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
                raise UnreadableError("damaged: the archive's directory leads to something else")
            *_, name_length, extra_length = _LOCAL.unpack(header)
            start = self._offsets[index] + _LOCAL.size + name_length + extra_length
        method = _METHODS[self._methods[index]]
        stored = stretch(self._file, start, packed)
        checksum = done = 0
        for piece in unpack(stored, method) if method else stored:
            done += len(piece)
            if done > promised:
                raise UnreadableError("damaged: it is longer than the archive says")
            checksum = zlib.crc32(piece, checksum)
            yield piece
        if done != promised:
            raise UnreadableError("damaged: it is shorter than the archive says")
        if checksum != self._checksums[index]:
            raise UnreadableError("damaged: its checksum is wrong")

    def _list_one(self, directory: Directory) -> int:
        """Take the directory's next member; how many bytes its record takes."""
        record = self._file.read(_CENTRAL.size)
        if len(record) < _CENTRAL.size or not record.startswith(b"PK\1\2"):
            raise UnreadableError("damaged: its directory is not complete")
        _, made_by, _, flags, method, _, _, checksum, packed, unpacked, *lengths, _, _, attributes, offset = (
            _CENTRAL.unpack(record)
        )
        name_length, extra_length, comment_length = lengths
        raw_name = self._file.read(name_length)
        extra = self._file.read(extra_length)
        self._file.read(comment_length)
        length = _CENTRAL.size + name_length + extra_length + comment_length
        name = _text(raw_name, flags)
        if name.endswith(("/", "\\")):
            return length
        packed, unpacked, offset = _wide(extra, packed, unpacked, offset)
        start = offset + directory.shift
        if made_by >> 8 == _UNIX and stat.S_ISLNK(attributes >> 16):
            self._leave(name, "a link")
        elif flags & _ENCRYPTED:
            self._leave(name, "encrypted; unpack the archive with its password first")
        elif method not in _METHODS:
            self._leave(name, f"packed in a way that cannot be read (method {method}); unpack the archive first")
        elif start + _LOCAL.size + packed > directory.start:
            self._leave(name, "damaged: the archive's directory leads out of the archive")
        elif self._take(name):
            self._offsets.append(start)
            self._packed.append(packed)
            self._unpacked.append(unpacked)
            self._checksums.append(checksum)
            self._methods.append(method)
        return length

    def _refuse_overlaps(self) -> None:
        """Members that share bytes are how a small archive unpacks to a giant one."""
        if len(self) < 2:
            return
        starts = np.frombuffer(self._offsets, np.uint64)
        ends = starts + np.frombuffer(self._packed, np.uint64) + np.uint64(_LOCAL.size)
        order = np.argsort(starts, kind="stable")
        reached = np.maximum.accumulate(ends[order])
        for index in order[1:][starts[order][1:] < reached[:-1]].tolist():
            self._refused[index] = "lies on top of another file in the archive, as in a decompression bomb"


def find_directory(file: BinaryIO) -> Directory:
    """Where the central directory of an archive lies, from the record at its end. Raises UnreadableError."""
    length = file.seek(0, os.SEEK_END)
    tail_start = max(0, length - _LONGEST_COMMENT - _END.size)
    file.seek(tail_start)
    tail = file.read()
    found = tail.rfind(b"PK\5\6")
    if found < 0 or found + _END.size > len(tail):
        raise UnreadableError("damaged or cut off: the directory at its end is missing")
    end = tail_start + found
    *_, count, byte_count, offset, _ = _END.unpack_from(tail, found)
    if count == 0xFFFF or byte_count == 0xFFFFFFFF or offset == 0xFFFFFFFF:
        before = end - _LOCATOR_64.size - _END_64.size
        if before >= 0:
            file.seek(before)
            wide, locator = file.read(_END_64.size), file.read(_LOCATOR_64.size)
            if wide.startswith(b"PK\6\6") and locator.startswith(b"PK\6\7"):
                *_, byte_count, offset = _END_64.unpack(wide)
                end = before
    start = end - byte_count
    if start < 0 or offset > start:
        raise UnreadableError("damaged: its directory is not where it should be")
    return Directory(start, byte_count, start - offset)


def _text(raw: bytes, flags: int) -> str:
    if not flags & _UTF_8:
        # Old programs wrote what MS-DOS called letters, but many wrote UTF-8 without saying so.
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("cp437")
    return raw.decode("utf-8", "surrogateescape")


def _wide(extra: bytes, packed: int, unpacked: int, offset: int) -> tuple[int, int, int]:
    """The three numbers, taken from the 64-bit extra field where they do not fit into 32 bits (APPNOTE 4.5.3)."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            field = extra[position + 4 : position + 4 + length]
            values = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            unpacked = next(values, unpacked) if unpacked == 0xFFFFFFFF else unpacked
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            offset = next(values, offset) if offset == 0xFFFFFFFF else offset
            break
        position += 4 + length
    return packed, unpacked, offset
